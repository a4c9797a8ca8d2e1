"""An upgrade as docs/operate/install.md tells it: the previous release goes on while the schema moves, then both run.

The real code of the previous release, in processes of its own. It is running, with people signed in, when this
release's `flask db upgrade` runs; then this release is started beside it, and a balancer sends requests to either.
"""

import itertools
import json
import re
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from idp import storage
from idp.cli.demo import PASSWORD, PEOPLE
from tests.builders import (
    REDIRECT_URI,
    SECRET,
    Citizen,
    Service,
    answer_in,
    ask,
    basic,
    follow,
    obtain_code,
    obtain_tokens,
    page_of,
    parked_in,
    refresh,
    spend,
    userinfo,
    walk,
)
from tests.operations.browsing import Browser, Response
from tests.operations.provider_process import ProviderProcess
from tests.operations.releases import STEPS, NoHistory, find_previous, unpack
from tests.postgres import PostgresCluster

pytestmark = [pytest.mark.postgres, pytest.mark.xdist_group("operations-releases")]

CLIENT_ID = "dich-vu-cua-hai-phien-ban"
SCOPE = {"scope": "openid profile offline_access", "prompt": "consent"}
AFTER_LOGOUT = "https://dich-vu.example/da-dang-xuat"
SERVICE = Service(uuid.UUID(int=0), CLIENT_ID, SECRET, REDIRECT_URI, "client_secret_basic")
# Nobody else signs in as one of them, and an id is not needed from outside.
ONE, OTHER = (Citizen(uuid.UUID(int=0), number, PASSWORD) for number in PEOPLE)


@dataclass
class Upgrade:
    """Both releases on one database; `tokens` were given out, and `browser` signed in, before the schema moved."""

    old: ProviderProcess
    new: ProviderProcess
    browser: Browser
    tokens: dict[str, Any]


class Balanced(Browser):
    """A browser behind a balancer that sends each request to the release that did not get the one before."""

    def __init__(self, *addresses: str) -> None:
        super().__init__(addresses[0])
        self._turns = itertools.cycle(addresses)

    def _send(self, method: str, path: str, **how: Any) -> Response:
        self.address = next(self._turns)
        return super()._send(method, path, **how)


def typed(provider: ProviderProcess, *words: str) -> str:
    done = provider.flask(*words)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr[-3000:]}"
    return done.stdout


def services_file(folder: Path) -> Path:
    document = {
        "client_id": CLIENT_ID,
        "client_name": "Dịch vụ của hai phiên bản",
        "client_secret": SECRET,
        "redirect_uris": [REDIRECT_URI],
        "post_logout_redirect_uris": [AFTER_LOGOUT],
        "backchannel_logout_uri": "http://localhost:1/tat",
        "grant_types": ["authorization_code", "refresh_token"],
    }
    file = folder / "services.json"
    file.write_text(json.dumps([document]), "utf-8")
    return file


@pytest.fixture(scope="module")
def upgrade(postgres: PostgresCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgrade]:
    folder, code = tmp_path_factory.mktemp("old"), tmp_path_factory.mktemp("previous_release")
    unpack(find_previous(), code)
    name = f"idp_test_upgrade_{uuid.uuid4().hex[:12]}"
    key = folder / "master.key"
    shared = {"IDP_DATABASE_URL": postgres.create_database(name), "IDP_KEYS_MASTER_KEY_FILE": str(key)}
    old = ProviderProcess(folder, workers=1, root=code, **shared)
    issuer = {"IDP_ISSUER": f"http://localhost:{old.port}"}
    new = ProviderProcess(tmp_path_factory.mktemp("new"), workers=1, **shared, **issuer)
    typed(old, "db", "upgrade")
    typed(old, "demo", "seed")
    typed(old, "services", "import", str(services_file(folder)))
    with old, Browser(old.address) as browser:
        # The statements of the hot path are prepared now, against the schema as it was.
        tokens = obtain_tokens(browser, SERVICE, ONE, **SCOPE)  # type: ignore[arg-type]
        tokens |= refreshed(browser, tokens)
        assert userinfo(browser, tokens["access_token"]).status_code == 200  # type: ignore[arg-type]
        typed(new, "db", "upgrade")
        with new:
            yield Upgrade(old, new, browser, tokens)
    postgres.drop_database(name)


def refreshed(browser: Browser, tokens: dict[str, Any]) -> dict[str, Any]:
    answer = refresh(browser, SERVICE, tokens["refresh_token"])  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return dict(answer.get_json())


def introspect(browser: Browser, token: str) -> bool:
    proof = {"Authorization": basic(CLIENT_ID, SECRET)}
    answer = browser.post("/oauth2/introspect", data={"token": token}, headers=proof)
    assert answer.status_code == 200, answer.text
    return bool(answer.get_json()["active"])


def sign_out(browser: Browser, tokens: dict[str, Any]) -> None:
    """By the service (RP-Initiated Logout 1.0 2), asked to confirm or not."""
    asked = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": AFTER_LOGOUT, "state": "xong"}
    left = follow(browser, browser.get("/oauth2/logout", query_string=asked))  # type: ignore[arg-type]
    if left.status_code == 200:
        left = browser.post("/sign-out", data={"parked": parked_in(left)})  # type: ignore[assignment]
    assert left.location.startswith(AFTER_LOGOUT), left.text[:2000]


def a_whole_life(browser: Browser, citizen: Citizen) -> None:
    """In, tokens, their every use, and out: whoever answers, it must be as with one release."""
    tokens = obtain_tokens(browser, SERVICE, citizen, **SCOPE)  # type: ignore[arg-type]
    for _ in range(4):
        assert userinfo(browser, tokens["access_token"]).status_code == 200  # type: ignore[arg-type]
        assert introspect(browser, tokens["access_token"])
        tokens |= refreshed(browser, tokens)
    again = obtain_tokens(browser, SERVICE)  # type: ignore[arg-type]  # single sign-on: nobody is there to type
    code = obtain_code(browser, SERVICE)  # type: ignore[arg-type]
    assert [spend(browser, SERVICE, code).status_code for _ in range(2)] == [200, 400]  # type: ignore[arg-type]
    sign_out(browser, again)
    assert not introspect(browser, again["access_token"])
    asked_again = follow(browser, ask(browser, SERVICE))  # type: ignore[arg-type]
    assert page_of(asked_again) == "sign_in"


def test_who_was_signed_in_before_the_schema_moved_goes_on_with_the_previous_release(upgrade: Upgrade) -> None:
    assert upgrade.old.ask_each("/readyz")[0][0] == 200
    upgrade.tokens |= refreshed(upgrade.browser, upgrade.tokens)
    assert userinfo(upgrade.browser, upgrade.tokens["access_token"]).status_code == 200  # type: ignore[arg-type]
    assert obtain_code(upgrade.browser, SERVICE)  # type: ignore[arg-type]


def test_the_previous_release_serves_a_whole_life_on_the_newest_schema(upgrade: Upgrade) -> None:
    with Browser(upgrade.old.address) as browser:
        a_whole_life(browser, OTHER)


@pytest.mark.parametrize("first", ["old", "new"])
def test_each_request_may_meet_either_release(upgrade: Upgrade, first: str) -> None:
    both = [upgrade.old.address, upgrade.new.address]
    with Balanced(*(both if first == "old" else both[::-1])) as browser:
        a_whole_life(browser, OTHER)


@pytest.mark.parametrize("first", ["old", "new"])
def test_a_sign_in_begun_at_one_release_ends_at_the_other(upgrade: Upgrade, first: str) -> None:
    begun, ended = (upgrade.old, upgrade.new) if first == "old" else (upgrade.new, upgrade.old)
    with Browser(begun.address) as browser:
        page = follow(browser, ask(browser, SERVICE))  # type: ignore[arg-type]
        assert page_of(page) == "sign_in"
        browser.address = ended.address
        code = answer_in(walk(browser, page, OTHER))["code"]  # type: ignore[arg-type]
        browser.address = begun.address
        assert spend(browser, SERVICE, code).status_code == 200  # type: ignore[arg-type]


@pytest.mark.parametrize("by", ["old", "new"])
def test_the_worker_of_either_release_delivers_what_either_queued(upgrade: Upgrade, by: str) -> None:
    for provider in (upgrade.old, upgrade.new):
        with Browser(provider.address) as browser:
            sign_out(browser, obtain_tokens(browser, SERVICE, OTHER))  # type: ignore[arg-type]
    worker = upgrade.old if by == "old" else upgrade.new
    done = worker.flask("worker", "--once")
    assert done.returncode == 0, done.stderr[-3000:]
    tries = [line for line in done.stderr.splitlines() if '"event":"delivery"' in line]
    assert tries, done.stderr[-3000:]
    assert any('"kind":"backchannel_logout"' in line for line in tries)
    assert not any("cannot be opened" in line for line in tries)
    kinds = set(re.findall(r'"kind":"(\w+)"', "".join(tries)))
    assert kinds <= {"backchannel_logout", *storage.outbox.MESSAGES}


# -- where the previous release is looked for --------------------------------------------------------------------------


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.vn", *words], cwd=folder, check=True)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A repository with two steps of a schema and a commit after each."""
    (tmp_path / STEPS).mkdir(parents=True)
    git(tmp_path, "init", "--quiet")
    for step, more in (("0001_first.py", "one"), ("0002_second.py", "two")):
        for name in (STEPS / step, Path(more)):
            (tmp_path / name).write_text(more)
            git(tmp_path, "add", ".")
            git(tmp_path, "commit", "--quiet", "-m", f"Add {name}")
    return tmp_path


def test_the_previous_release_is_the_last_commit_that_does_not_know_the_newest_step(
    history: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("unpacked")
    unpack(find_previous(history), folder, history)
    assert (folder / STEPS / "0001_first.py").exists()
    assert (folder / "one").exists()
    assert not (folder / STEPS / "0002_second.py").exists()


def test_while_the_newest_step_is_not_committed_the_previous_release_is_what_is(history: Path) -> None:
    (history / STEPS / "0003_third.py").touch()
    assert find_previous(history) == "HEAD"


def test_a_history_that_is_cut_off_fails_and_says_so(history: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    shallow = tmp_path_factory.mktemp("shallow") / "clone"
    git(history, "clone", "--quiet", "--depth", "1", f"file://{history}", str(shallow))
    with pytest.raises(NoHistory, match="git fetch --unshallow"):
        find_previous(shallow)


def test_a_folder_without_history_fails_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoHistory, match="looked up in git"):
        find_previous(tmp_path)
