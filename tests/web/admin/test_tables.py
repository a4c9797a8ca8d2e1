"""Tables of the consoles are sorted by their heads; what is no column of theirs sorts nothing."""

import re

from flask.testing import FlaskClient

from idp.domain.officers import Role
from tests.web.admin.conftest import SignedIn
from tests.web.admin.test_services import House, house  # noqa: F401


def column(text: str, number: int) -> list[str]:
    """The cells of a column of the first table."""
    rows = re.findall(r"<tr><td>(.*?)</tr>", text.split("<tbody>")[1].split("</tbody>")[0], re.DOTALL)
    cells = [re.split(r"</td>\s*<td[^>]*>", row)[number] for row in rows]
    return [re.sub(r"<[^>]+>|\s+", " ", cell).strip() for cell in cells]


def sorted_by(text: str) -> list[str]:
    return re.findall(r'aria-sort="(\w+)"', text)


def test_officers_are_sorted_by_each_head_both_ways(signed_in: SignedIn) -> None:
    for role in (Role.APPROVER, Role.REGISTRAR, Role.HELP_DESK):
        signed_in(role)
    browser: FlaskClient = signed_in(Role.SYSTEM_ADMINISTRATOR)
    usual = browser.get("/admin/officers").text
    codes = column(usual, 1)
    assert codes == sorted(codes) and sorted_by(usual) == ["ascending"]
    turned = browser.get("/admin/officers?sort=-code").text
    assert column(turned, 1) == codes[::-1] and sorted_by(turned) == ["descending"]
    roles = column(browser.get("/admin/officers?sort=role").text, 2)
    assert roles == sorted(roles)
    for odd in ("password", "-", "until", "'", "%00"):
        assert column(browser.get(f"/admin/officers?sort={odd}").text, 1) == codes


def test_services_and_cases_are_sorted_in_the_database(house: House) -> None:  # noqa: F811
    for name in ("mot", "hai", "ba"):
        house.create(name_vi=f"Dịch vụ {name}")
        house.deed("ask")
    ids = column(house.manager.get("/admin/services").text, 2)
    assert ids == sorted(ids) and len(ids) == 3
    assert column(house.manager.get("/admin/services?sort=-client_id").text, 2) == ids[::-1]
    first, turned = (house.province.get(f"/admin/cases?sort={sort}").text for sort in ("asked", "-asked"))
    links = [re.findall(r"/admin/cases/[0-9a-f-]{36}", text) for text in (first, turned)]
    assert links[0] == links[1][::-1] and len(links[0]) == 3
    assert 'href="/admin/cases?sort=-due"' in house.province.get("/admin/cases").text


def test_a_list_is_taken_away_as_a_file_in_which_nothing_is_a_formula(signed_in: SignedIn) -> None:
    browser: FlaskClient = signed_in(Role.SYSTEM_ADMINISTRATOR)
    taken = browser.get("/admin/officers?as=csv&sort=code")
    assert taken.headers["Content-Type"].startswith("text/csv")
    assert (taken.headers["Content-Disposition"], taken.headers["Cache-Control"]) == (
        *("attachment; filename=officers.csv", "no-store"),
    )
    lines = taken.data.decode("utf-8-sig").splitlines()
    assert len(lines) > 1 and all(line.startswith('"') for line in lines)
    cases = browser.get("/admin/cases?as=csv").data.decode("utf-8-sig").splitlines()
    assert len(cases) == 1, "the heads alone, where nothing was asked"
