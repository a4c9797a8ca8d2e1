"""Pages that explain: help, privacy, and what one does today for what cannot be done here yet."""

from typing import Final

from flask import Blueprint
from flask.typing import ResponseReturnValue

from idp.domain.refusals import Refusal
from idp.web.pages import page
from idp.web.texts import information_page

blueprint = Blueprint("information", __name__)
NAMES: Final = (
    "help",
    "privacy",
    "accessibility",
    "status",
    "business",
)


def show(name: str) -> ResponseReturnValue:
    found = information_page(name)
    if found is None:
        raise Refusal("not_found")
    return page("information.html", page=found)


for _name in NAMES:
    blueprint.add_url_rule(f"/{_name}", endpoint=_name, view_func=show, defaults={"name": _name})
