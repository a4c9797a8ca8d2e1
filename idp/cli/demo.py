"""`flask demo`: the two people of the demo. Their numbers begin with 003, which belongs to nobody."""

import click
from flask.cli import AppGroup

from idp import flows, storage
from idp.cli.refusing import refusals_as_sentences
from idp.domain.refusals import Refusal
from idp.flows.registration import NewAccount
from idp.runtime.runtime import Runtime

PASSWORD = "Thu-nghiem-2026!"
PEOPLE: dict[str, dict[str, object]] = {
    "003190000013": {
        "name": "Nguyễn Thị Mẫu",
        "family_name": "Nguyễn",
        "middle_name": "Thị",
        "given_name": "Mẫu",
        "nickname": "Mẫu",
        "preferred_username": "nguyen.thi.mau",
        "profile": "https://nguoi-mau.example/nguyen-thi-mau",
        "picture": "https://nguoi-mau.example/nguyen-thi-mau.png",
        "website": "https://nguyen-thi-mau.example",
        "gender": "female",
        "birthdate": "1990-01-02",
        "zoneinfo": "Asia/Ho_Chi_Minh",
        "locale": "vi-VN",
        "email": "nguyen.thi.mau@nguoi-mau.example",
        "email_verified": True,
        "phone_number": "+84912000013",
        "phone_number_verified": True,
        "address": {
            "formatted": "12 Đường Mẫu, Phường Kinh Bắc\nTỉnh Bắc Ninh\nViệt Nam",
            "street_address": "12 Đường Mẫu, Phường Kinh Bắc",
            "locality": "Kinh Bắc",
            "region": "Bắc Ninh",
            "postal_code": "16000",
            "country": "Việt Nam",
        },
    },
    "003085000021": {
        "name": "Trần Văn Thử",
        "family_name": "Trần",
        "middle_name": "Văn",
        "given_name": "Thử",
        "nickname": "Thử",
        "preferred_username": "tran.van.thu",
        "profile": "https://nguoi-mau.example/tran-van-thu",
        "picture": "https://nguoi-mau.example/tran-van-thu.png",
        "website": "https://tran-van-thu.example",
        "gender": "male",
        "birthdate": "1985-11-20",
        "zoneinfo": "Asia/Ho_Chi_Minh",
        "locale": "vi-VN",
        "email": "tran.van.thu@nguoi-mau.example",
        "email_verified": True,
        "phone_number": "+84912000021",
        "phone_number_verified": True,
        "address": {
            "formatted": "34 Đường Thử, Phường Bắc Giang\nTỉnh Bắc Ninh\nViệt Nam",
            "street_address": "34 Đường Thử, Phường Bắc Giang",
            "locality": "Bắc Giang",
            "region": "Bắc Ninh",
            "postal_code": "26000",
            "country": "Việt Nam",
        },
    },
}


def group(runtime: Runtime) -> AppGroup:
    demo = AppGroup("demo", help="The demo's people.")

    @demo.command("seed")
    @refusals_as_sentences
    def seed() -> None:
        """Make the demo's people where they are not there yet. Refused in production."""
        if runtime.settings.is_production:
            raise click.ClickException("the demo's people have a known password, so production refuses them")
        for number, claims in PEOPLE.items():
            hashed = flows.registration.hash_new_password(runtime, PASSWORD, number)
            try:
                with storage.begin() as tx:
                    new = NewAccount(number, claims, hashed)
                    flows.registration.create_account(tx, runtime, new, actor="the demo")
                click.echo(f"made {number}")
            except Refusal as refusal:
                if refusal.code != "already_exists":
                    raise
                click.echo(f"{number} is there already")

    return demo
