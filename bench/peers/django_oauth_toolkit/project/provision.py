"""Makes the tables, the people and the applications, from a JSON object on standard input; prints nothing."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()
    from django.core.management import call_command

    wanted = json.load(sys.stdin)
    call_command("migrate", verbosity=0, interactive=False)
    _make_people(wanted["people"], wanted["password"])
    for application in wanted["applications"]:
        _make_application(application)


def _make_people(names: Sequence[str], password: str) -> None:
    from django.contrib.auth.hashers import make_password
    from django.contrib.auth.models import User

    # One hash for all: it takes half a second, and checking it costs the same for each.
    hashed = make_password(password)
    User.objects.bulk_create(
        User(
            username=name,
            password=hashed,
            first_name="Person",
            last_name=name.removeprefix("person"),
            email=f"{name}@bench.example",
        )
        for name in names
    )


def _make_application(wanted: Mapping[str, Any]) -> None:
    from oauth2_provider.models import get_application_model

    application = get_application_model()(client_type="confidential", hash_client_secret=False, **wanted)
    application.full_clean()
    application.save()


if __name__ == "__main__":
    main()
