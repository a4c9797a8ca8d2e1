"""Everything that is held on me: as a page that prints well, and as a file for machines; one collection for both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import orjson
from flask import Blueprint, Response, g
from flask.typing import ResponseReturnValue

from idp import flows, storage
from idp.storage.own_data import Part
from idp.web import given, language
from idp.web.citizen.security import fresh
from idp.web.own_data_texts import Line, line_of, moment, title_of
from idp.web.pages import page, person_of

blueprint = Blueprint("own_data", __name__)
DOOR: Final = "own_data.own_data"
# Lines of one part on the page; a household printer has an end too, and the file has them all.
SHOWN: Final = 500


@dataclass(frozen=True, slots=True)
class ShownPart:
    """One table of the page; `left_off` lines of it stand in the file alone."""

    name: str
    title: str
    lines: list[Line]
    left_off: int


@blueprint.get("/account/data")
@fresh(DOOR)
def own_data() -> ResponseReturnValue:
    with storage.once() as tx:
        parts = flows.own_data.look(tx, given.runtime(), g.signed_in)
    return page(
        "account/data.html",
        person=person_of(g.signed_in.profile),
        today=moment(given.runtime().clock.now()),
        parts=[_shown(part) for part in parts if part.rows],
        empty=[title_of(part.name) for part in parts if not part.rows],
        is_whole=all(part.is_whole for part in parts),
    )


@blueprint.get("/account/download")
@fresh(DOOR)
def download() -> ResponseReturnValue:
    with storage.begin() as tx:
        parts = flows.own_data.take(tx, given.runtime(), g.signed_in)
    document = {
        "made_at": given.runtime().clock.now(),
        "issuer": given.runtime().settings.issuer,
        **{part.name: [_named(row) for row in part.rows] for part in parts},
        "only_the_newest_of": [part.name for part in parts if not part.is_whole],
    }
    response = Response(orjson.dumps(document, option=orjson.OPT_INDENT_2), mimetype="application/json")
    response.headers["Content-Disposition"] = "attachment; filename=dinh-danh-cua-toi.json"
    response.headers["Cache-Control"] = "no-store"
    return response


def _shown(part: Part) -> ShownPart:
    lines = [line_of(part.name, _named(row)) for row in part.rows[:SHOWN]]
    return ShownPart(part.name, title_of(part.name), lines, max(0, len(part.rows) - SHOWN))


def _named(row: Mapping[str, object]) -> dict[str, object]:
    """A row with the service's name in the place of its id, which tells nobody anything."""
    return {("service" if name == "service_id" else name): _name_or(value) for name, value in row.items()}


def _name_or(value: object) -> object:
    if not isinstance(value, UUID):
        return value
    service = given.server().registry.find(value)
    return service.name(language.current()) if service else value.hex
