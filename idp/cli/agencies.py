"""`flask agencies`: the tree of units that employ officers and own services."""

from dataclasses import replace

import click
from flask.cli import AppGroup

from idp import storage
from idp.cli.refusing import refusals_as_sentences
from idp.domain.agencies import Agency, check_agency_code
from idp.domain.refusals import Refusal
from idp.runtime.runtime import Runtime


def group(runtime: Runtime) -> AppGroup:
    agencies = AppGroup("agencies", help="The units of the province, as a tree.")

    @agencies.command("list")
    @refusals_as_sentences
    def list_all() -> None:
        """List the units, each below the one above it."""
        with storage.once() as tx:
            found = storage.agencies.list_agencies(tx)
        for agency, depth in _in_order(found):
            click.echo(f"{'  ' * depth}{agency.code}  {agency.name_vi}")

    @agencies.command("save")
    @click.option("--code", required=True, help="The agency's code, such as H05.14.")
    @click.option("--name", "name_vi", required=True, help="Its Vietnamese name.")
    @click.option("--name-en", default="", help="Its English name.")
    @click.option("--parent", help="The code of the unit above it.")
    @click.option("--former-code", multiple=True, help="A code by which it went before; may be given often.")
    @refusals_as_sentences
    def save(code: str, name_vi: str, name_en: str, parent: str | None, former_code: tuple[str, ...]) -> None:
        """Enter a unit, or change its name, its place and its former codes."""
        with storage.begin() as tx:
            above = _find(tx, parent) if parent else None
            saved = _save(tx, runtime, check_agency_code(code), name_vi, name_en, above)
            aliases = tuple(dict.fromkeys((*saved.aliases, *map(check_agency_code, former_code))))
            storage.agencies.save_place(tx, replace(saved, aliases=aliases))
        click.echo(f"Saved {code}.")

    @agencies.command("load-communes")
    @click.option("--under", required=True, help="The code of the province's own unit, such as H05.")
    @click.option("--province", default="Bắc Ninh", show_default=True, help="Whose communes.")
    @refusals_as_sentences
    def load_communes(under: str, province: str) -> None:
        """Enter the People's Committee of every commune, by the State's list of administrative units.

        The list gives statistical codes, not e-identifiers: 09163 under H05 is entered as H05.09.163 until the real
        code is known (flask agencies save --former-code).
        """
        communes = _communes(province)
        with storage.begin() as tx:
            above = _find(tx, under)
            for number, name in communes:
                code = f"{above.code}.{number[:2]}.{number[2:]}"
                _save(tx, runtime, code, f"Ủy ban nhân dân {name[0].lower()}{name[1:]}", "", above)
        click.echo(f"{len(communes)} communes stand under {above.code}.")

    return agencies


def _communes(province: str) -> list[tuple[str, str]]:
    """(code of five digits, name) of each commune of a province."""
    # The list is a large module that nothing else needs.
    from vietnam_provinces import Province, Ward

    found = next((each for each in Province.iter_all() if each.name == province), None)
    if found is None:
        raise Refusal("not_found", "no province has this name")
    wards = (each for each in Ward.iter_all() if each.province_code == found.code)
    return sorted((f"{int(each.code.value):05d}", each.name) for each in wards)


def _find(tx: storage.Tx, code: str) -> Agency:
    found = storage.agencies.find_by_code(tx, check_agency_code(code))
    if found is None:
        raise Refusal("not_found", "no unit has this code")
    return found


def _save(tx: storage.Tx, runtime: Runtime, code: str, name_vi: str, name_en: str, above: Agency | None) -> Agency:
    present = storage.agencies.find_by_code(tx, code)
    if present is None:
        parent_id = above.id if above else None
        now = runtime.clock.now()
        storage.agencies.insert_agency(tx, code, name_vi=name_vi, name_en=name_en, now=now, parent_id=parent_id)
        return _find(tx, code)
    if above is not None:
        _refuse_circle(storage.agencies.list_agencies(tx), present, above)
        present = replace(present, parent_id=above.id)
    storage.agencies.save_names(tx, present.id, name_vi=name_vi, name_en=name_en)
    storage.agencies.save_place(tx, present)
    return present


def _refuse_circle(agencies: list[Agency], unit: Agency, above: Agency) -> None:
    by_id = {each.id: each for each in agencies}
    place: Agency | None = above
    while place is not None:
        if place.id == unit.id:
            raise Refusal("wrong_state", "a unit does not stand below itself")
        place = by_id.get(place.parent_id) if place.parent_id else None


def _in_order(agencies: list[Agency]) -> list[tuple[Agency, int]]:
    """Depth first, by code."""
    below: dict[object, list[Agency]] = {}
    for each in agencies:
        below.setdefault(each.parent_id, []).append(each)

    def walk(parent: object, depth: int) -> list[tuple[Agency, int]]:
        return [line for each in below.get(parent, []) for line in ((each, depth), *walk(each.id, depth + 1))]

    return walk(None, 0)
