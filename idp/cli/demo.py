"""`flask demo`: the people and officers of the demo. Their numbers begin with 003 and 098, which belong to nobody."""

import base64
import hashlib

import click
from flask.cli import AppGroup

from idp import flows, storage
from idp.cli.refusing import refusals_as_sentences
from idp.domain.officers import Role
from idp.domain.refusals import Refusal
from idp.flows.officers import Enrolment
from idp.flows.registration import NewAccount
from idp.runtime import totp
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


# The officers of the demo: name, own number, role, unit. Their apps' secrets are known, so that nobody needs a phone.
OFFICERS: dict[str, tuple[str, str, Role, str]] = {
    "quan.tri": ("Lê Quản Trị", "098080000011", Role.SYSTEM_ADMINISTRATOR, "H05"),
    "can.bo": ("Phạm Cán Bộ", "098080000012", Role.REGISTRAR, "H05.09.169"),
    "duyet": ("Hoàng Phê Duyệt", "098080000013", Role.APPROVER, "H05"),
    "ho.tro": ("Vũ Hỗ Trợ", "098080000014", Role.HELP_DESK, "H05"),
    "dich.vu": ("Đỗ Dịch Vụ", "098080000015", Role.SERVICE_MANAGER, "H05"),
    "kiem.tra": ("Bùi Kiểm Tra", "098080000016", Role.AUDITOR, "H05"),
}
UNITS = (("H05", "Ủy ban nhân dân tỉnh Bắc Ninh", None), ("H05.09.169", "Ủy ban nhân dân phường Vũ Ninh", "H05"))


def group(runtime: Runtime) -> AppGroup:
    demo = AppGroup("demo", help="The demo's people and officers.")

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
        _seed_officers(runtime)

    @demo.command("code")
    @click.argument("staff_code", type=click.Choice(sorted(OFFICERS)))
    @refusals_as_sentences
    def code(staff_code: str) -> None:
        """Print the six digits that the app of a demo's officer shows now. Refused in production."""
        if runtime.settings.is_production:
            raise click.ClickException("the demo's officers have known secrets, so production refuses them")
        click.echo(totp.code_at(secret_of(staff_code), runtime.clock.now()))

    return demo


def _seed_officers(runtime: Runtime) -> None:
    """Units, and one officer of each role, enrolled with the password of the demo."""
    for code, name, parent in UNITS:
        with storage.begin() as tx:
            if storage.agencies.find_by_code(tx, code) is None:
                above = storage.agencies.find_agency_id(tx, parent) if parent else None
                now = runtime.clock.now()
                storage.agencies.insert_agency(tx, code, name_vi=name, name_en="", now=now, parent_id=above)
    for staff_code, (name, number, role, unit) in OFFICERS.items():
        hashed = flows.registration.hash_new_password(runtime, PASSWORD, staff_code)
        try:
            with storage.begin() as tx:
                made = flows.officers.create(tx, runtime, staff_code, name, number, actor="the demo")
                agency = storage.agencies.find_by_code(tx, unit)
                officer = flows.officers.find(tx, runtime, staff_code)
                if agency is not None:
                    today = runtime.today
                    flows.officers.assign(
                        tx, runtime, officer, agency, role, valid_from=today, valid_until=None, actor="the demo"
                    )
                secret = secret_of(staff_code)
                shown = totp.code_at(secret, runtime.clock.now())
                flows.officers.enrol(
                    tx, runtime, Enrolment(staff_code, made.code, hashed, secret, shown), address="127.0.0.1"
                )
            click.echo(f"made {staff_code}")
        except Refusal as refusal:
            if refusal.code != "already_exists":
                raise
            click.echo(f"{staff_code} is there already")


def secret_of(staff_code: str) -> str:
    """The secret of an officer's app, which everybody can know: these officers are of the demo alone."""
    return base64.b32encode(hashlib.sha256(f"demo {staff_code}".encode()).digest()[:20]).decode()
