"""Services and people under load: codes are spent, tokens refreshed; what was cut or put off is sent again.

What a service knows afterwards is kept for the reckoning: each answer it got, and nothing else.
"""

import itertools
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import requests

from tests.builders import VERIFIER, Citizen, Service, answer_in, ask, follow, parked_in, walk
from tests.operations.browsing import Browser, Response

PATIENCE = 60.0  # seconds for which one request is sent again
AGAIN_AFTER = 0.1


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer, whoever it was for: when it was asked for, how long it took, and what it said if it was no good."""

    at: float
    took: float
    path: str
    status: int
    language: str
    retry_after: str
    media_type: str
    text: str

    @property
    def ended_at(self) -> float:
        return self.at + self.took


@dataclass
class Spending:
    """One code and its tokens as their service knows them: what it sent, each good answer, the newest tokens."""

    code: str
    sent: int = 0
    won: list[dict[str, Any]] = field(default_factory=list)
    refreshes_sent: int = 0
    refreshes: int = 0
    last: dict[str, Any] = field(default_factory=dict)
    is_lost: bool = False


@dataclass
class Tally:
    """All that the load knows. `good` counts exchanges and refreshes that were answered with tokens."""

    spendings: list[Spending] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    good: int = 0
    cut: int = 0
    sign_outs: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, name: str) -> None:
        with self.lock:
            setattr(self, name, getattr(self, name) + 1)

    def statuses(self) -> set[int]:
        return {each.status for each in self.seen}

    def longest(self) -> float:
        """Seconds that the slowest answer took."""
        return max(each.took for each in self.seen)

    def turned_away(self, since: float = 0, until: float = float("inf")) -> list[Seen]:
        """The answers 503 to what was asked between two moments."""
        return [each for each in self.seen if each.status == 503 and since <= each.at <= until]


class Watched(Browser):
    """A browser, or a service's HTTP client, whose every answer is noted."""

    def __init__(self, address: str, tally: Tally, language: str = "vi") -> None:
        super().__init__(address)
        self._tally, self._language = tally, language
        self._session.cookies.set("idp_language", language)

    def _send(self, method: str, path: str, **how: Any) -> Response:
        began = time.monotonic()
        try:
            answer = super()._send(method, path, **how)
        except requests.RequestException:
            self._tally.count("cut")
            raise
        took = time.monotonic() - began
        said = [answer.headers.get(name, "") for name in ("Retry-After", "Content-Type")]
        text = "" if answer.status_code < 400 else answer.text
        self._tally.seen.append(Seen(began, took, path, answer.status_code, self._language, *said, text))
        return answer


class Doer(Protocol):
    """Something of the load that goes on by itself."""

    def run(self) -> None: ...


class Visitor:
    """One browser of one person and the service behind it, until `enough()`."""

    def __init__(
        self, address: str, citizen: Citizen, service: Service, tally: Tally, enough: Callable[[], bool], seed: int
    ) -> None:
        self._browser = Watched(address, tally, ("vi", "en")[seed % 2])
        self._citizen, self._service, self._tally, self._enough = citizen, service, tally, enough
        self._chance = random.Random(seed)

    def run(self) -> None:
        with self._browser:
            while not self._enough():
                code = self._code()
                if code is None:
                    continue
                spending = self._exchange(code)
                for _ in range(self._chance.randint(0, 3)):
                    self._refresh(spending)
                if self._chance.random() < 0.03:
                    self._exchange_again(spending)
                if self._chance.random() < 0.04:
                    self._sign_out()

    def _code(self) -> str | None:
        try:
            answer = walk(self._browser, ask(self._browser, self._service), self._citizen)  # type: ignore[arg-type]
            return answer_in(answer)["code"]  # type: ignore[arg-type]
        except (requests.RequestException, AssertionError, KeyError):
            time.sleep(AGAIN_AFTER)  # a page was cut, or the provider was away: begin again, as a person does
            return None

    def _exchange(self, code: str) -> Spending:
        spending = Spending(code)
        with self._tally.lock:
            self._tally.spendings.append(spending)
        self._send_code(spending)
        return spending

    def _exchange_again(self, spending: Spending) -> None:
        """What a service with a fault does, or a thief: the answer must be no, and the grant is over."""
        if spending.won:
            self._send_code(spending)
            spending.is_lost = True

    def _send_code(self, spending: Spending) -> None:
        form = {"grant_type": "authorization_code", "code": spending.code, "redirect_uri": self._service.redirect_uri}

        def count() -> None:
            spending.sent += 1

        answer = self._send({**form, "code_verifier": VERIFIER}, count)
        if answer is None:
            spending.is_lost = True
        else:
            spending.won.append(answer)
            spending.last = answer

    def _refresh(self, spending: Spending) -> None:
        if spending.is_lost:
            return

        def count() -> None:
            spending.refreshes_sent += 1

        answer = self._send({"grant_type": "refresh_token", "refresh_token": spending.last["refresh_token"]}, count)
        if answer is None:
            spending.is_lost = True
        else:
            spending.refreshes += 1
            spending.last = answer

    def _send(self, form: dict[str, str], count: Callable[[], None]) -> dict[str, Any] | None:
        """The same request until it is answered; None when the answer was no."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            count()
            try:
                answer = self._browser.post("/oauth2/token", data=form, **self._service.credentials())
            except requests.RequestException:
                time.sleep(AGAIN_AFTER)
                continue
            if answer.status_code == 200:
                self._tally.count("good")
                tokens: dict[str, Any] = answer.get_json()
                return tokens
            if answer.status_code != 503:
                return None
            time.sleep(AGAIN_AFTER)
        raise AssertionError(f"no answer within {PATIENCE} s")

    def _sign_out(self) -> None:
        """Ends the session; the next code begins with a password."""
        try:
            page = follow(self._browser, self._browser.get("/sign-out"))  # type: ignore[arg-type]
            answer = self._browser.post("/sign-out", data={"parked": parked_in(page)})  # type: ignore[arg-type]
        except (requests.RequestException, AssertionError):
            return  # a page was cut: whether the session goes on shows at the next code
        if answer.status_code == 303:
            self._tally.count("sign_outs")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request; with a form it is a POST."""

    path: str
    authorization: str = ""
    form: Mapping[str, str] | None = None


class Onlooker:
    """Somebody who asks for one thing after another, all over the house."""

    def __init__(self, address: str, tally: Tally, enough: Callable[[], bool], asks: list[Ask]) -> None:
        self._browser, self._enough, self._asks = Watched(address, tally), enough, asks

    def run(self) -> None:
        with self._browser:
            for ask in itertools.cycle(self._asks):
                if self._enough():
                    return
                headers = {"Authorization": ask.authorization} if ask.authorization else {}
                if ask.form is None:
                    self._browser.get(ask.path, headers=headers)
                else:
                    self._browser.post(ask.path, data=ask.form, headers=headers)


def run_load(doers: list[Doer]) -> None:
    """All at once; the first fault of one is raised when all are done."""
    faults: list[BaseException] = []

    def run(doer: Doer) -> None:
        try:
            doer.run()
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(doer,)) for doer in doers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
