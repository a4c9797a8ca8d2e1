"""A house for tests of storage: people, services, sessions and codes put into it by storage's own functions."""

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from flask import Flask
from sqlalchemy import func, select, update

from idp import storage
from idp.domain.accounts import AccountState, Profile, Subject, SubjectKind
from idp.domain.consent import BasisKind, Consent
from idp.domain.grants import Code
from idp.domain.levels import AccountLevel, ProofSource
from idp.domain.names import search_prefixes
from idp.domain.relying_services import RelyingService
from idp.domain.sessions import EndReason, Session
from idp.runtime import chance
from idp.runtime.data_keys import DataKey
from idp.runtime.keyring import Keyring
from idp.runtime.runtime import Runtime
from idp.storage import tables
from idp.storage.grants import Held, Times
from tests.doubles import FixedClock

R = TypeVar("R")
IDLE_FOR, ABSOLUTE_FOR, TOUCH_EVERY = timedelta(minutes=30), timedelta(hours=12), timedelta(minutes=5)


@dataclass(frozen=True)
class Person:
    subject: Subject
    key: DataKey
    number: str
    device: bytes

    @property
    def id(self) -> UUID:
        return self.subject.id


class House:
    def __init__(self, app: Flask, clock: FixedClock) -> None:
        self.app, self.clock = app, clock
        self.runtime: Runtime = app.extensions["idp"]
        self._numbers = itertools.count(1)

    @property
    def keyring(self) -> Keyring:
        return self.runtime.keyring

    def new_id(self) -> UUID:
        return chance.new_id(self.clock.now())

    # -- people ------------------------------------------------------------------------------------------------------

    def person(self, name: str = "Nguyễn Thị Mẫu", kind: SubjectKind = SubjectKind.PERSON, **claims: object) -> Person:
        """Somebody with a number to sign in with, a password, a device and a profile."""
        now, number = self.clock.now(), f"003190{next(self._numbers):06}"
        subject = Subject(self.new_id(), kind, AccountState.ACTIVE, AccountLevel.NONE, ProofSource.SELF)
        device = chance.digest(f"device of {number}")
        with storage.begin() as tx:
            key = storage.accounts.insert_subject(tx, self.keyring, subject, now)
            made = Person(subject, key, number, device)
            storage.sign_in_names.insert_name(
                tx, self.keyring, key, subject, kind="personal_number", value=number, proof="operator", now=now
            )
            storage.credentials.insert_password(tx, subject.id, "a hash", now)
            storage.credentials.save_device(tx, key, subject.id, device, "an agent", now)
            profile = Profile(subject.id, {"name": name, **claims}, ProofSource.SELF)
            storage.accounts.save_profile(tx, key, profile, now)
            storage.accounts.insert_name_words(tx, self.keyring, key, subject.id, search_prefixes(name))
        return made

    def sign_in_name(self, person: Person, kind: str, value: str) -> bool:
        with storage.begin() as tx:
            return storage.sign_in_names.insert_name(
                tx,
                self.keyring,
                person.key,
                person.subject,
                kind=kind,
                value=value,
                proof="operator",
                now=self.clock.now(),
            )

    def contact(self, person: Person, kind: str, value: str) -> None:
        with storage.begin() as tx:
            storage.accounts.insert_contact(
                tx, self.keyring, person.key, person.id, kind=kind, value=value, is_verified=True, now=self.clock.now()
            )

    def identifier(self, person: Person, value: str, verified_by: str | None, kind: str = "personal_number") -> None:
        with storage.begin() as tx:
            storage.accounts.insert_identifier(
                tx,
                self.keyring,
                person.key,
                person.subject,
                kind=kind,
                country="VN",
                value=value,
                source=ProofSource.COUNTER if verified_by else ProofSource.SELF,
                verified_by=verified_by,
                valid_from=None,
                valid_until=None,
                now=self.clock.now(),
            )

    def set_state(self, person: Person, state: AccountState) -> None:
        """Stands in for the flow that locks people, which is still to come."""
        with storage.begin() as tx:
            tx.execute(update(tables.subjects).where(tables.subjects.c.id == person.id).values(state=state))

    def erase(self, person: Person) -> None:
        with storage.begin() as tx:
            tx.execute(tables.data_keys.delete().where(tables.data_keys.c.subject_id == person.id))

    # -- services and sign-ins ---------------------------------------------------------------------------------------

    def service(self, name: str = "one", logout: str | None = None, **changed: Any) -> RelyingService:
        now = self.clock.now()
        made = RelyingService(
            id=self.new_id(),
            client_id=name,
            agency_id=None,
            sector=f"{name}.example",
            names={"": name},
            redirect_uris=(f"https://{name}.example/callback",),
            created_at=now,
            updated_at=now,
            backchannel_logout_uri=logout,
            **changed,
        )
        with storage.begin() as tx:
            storage.relying_services.insert_service(tx, made, registered_by="a test")
        return made

    def session(self, person: Person, token: str = "") -> Session:
        now = self.clock.now()
        made = Session(
            id=self.new_id(),
            subject_id=person.id,
            auth_time=now,
            amr=("pwd",),
            auth_level=1,
            created_at=now,
            seen_at=now,
            expires_at=now + ABSOLUTE_FOR,
            ended_at=None,
        )
        with storage.begin() as tx:
            storage.sessions.insert_session(
                tx,
                person.key,
                made,
                token_digest=chance.digest(token or made.id.hex),
                device_id=None,
                address="192.0.2.7",
                agent="an agent",
            )
        return made

    def consent(self, session: Session, service: RelyingService, law: str | None = None) -> Consent:
        """What somebody agreed to; with `law` the notice of it."""
        made = Consent(
            id=self.new_id(),
            subject_id=session.subject_id,
            service_id=service.id,
            kind=BasisKind.NOTICE if law else BasisKind.CONSENT,
            names=frozenset({"name"}),
            offline=False,
            legal_basis=law,
            given_at=self.clock.now(),
            withdrawn_at=None,
        )
        with storage.begin() as tx:
            storage.consents.insert_consent(tx, made)
        return made

    def code(self, session: Session, service: RelyingService, *, offline: bool = False) -> Code:
        """A code that stands on a consent of its own."""
        now = self.clock.now()
        return Code(
            grant_id=self.new_id(),
            service_id=service.id,
            session_id=session.id,
            subject_id=session.subject_id,
            redirect_uri=service.redirect_uris[0],
            code_challenge=None,
            nonce=None,
            scopes=("openid", "profile"),
            userinfo_bits=3,
            id_token_bits=4,
            basis_kind="consent",
            basis_id=self.consent(session, service).id,
            offline=offline,
            issued_at=now,
            expires_at=now + timedelta(minutes=1),
        )

    def noticed(self, session: Session, service: RelyingService, law: str) -> Code:
        """A code that stands on a notice of its own."""
        notice = self.consent(session, service, law)
        return replace(self.code(session, service), basis_kind=notice.kind, basis_id=notice.id)

    @property
    def times(self) -> Times:
        return Times(now=self.clock.now(), idle_for=IDLE_FOR, touch_every=TOUCH_EVERY)

    def exchange(
        self, code: Code, sector: str = "one.example", lasts: timedelta = ABSOLUTE_FOR, **known: Any
    ) -> Held | None:
        """`known` is what the token endpoint knows of the service, where it is not what stands in its row."""
        with storage.once() as tx:
            service = storage.relying_services.find_service(tx, code.service_id)
        assert service is not None
        with storage.once(writes=True) as tx:
            return storage.grants.exchange(
                tx,
                self.keyring,
                code,
                service=replace(service, sector=sector, **known),
                expires_at=self.clock.now() + lasts,
                times=self.times,
            )

    def refresh(self, code: Code, generation: int, service_id: UUID | None = None) -> Held | None:
        with storage.once(writes=True) as tx:
            return storage.grants.refresh(
                tx,
                self.keyring,
                code.grant_id,
                service_id or code.service_id,
                generation,
                sector="one.example",
                times=self.times,
            )

    def find_live(self, code: Code, sector: str = "one.example") -> Held | None:
        with storage.once() as tx:
            return storage.grants.find_live(tx, self.keyring, code.grant_id, sector=sector, times=self.times)

    def end(
        self,
        session: Session,
        reason: EndReason = EndReason.SIGNED_OUT,
        *,
        actor: str = "the tests",
        offline_too: bool = False,
    ) -> list[UUID]:
        with storage.begin() as tx:
            return storage.endings.end_session(
                tx, self.keyring, session, reason, self.clock.now(), actor=actor, offline_too=offline_too
            )

    # -- looking -----------------------------------------------------------------------------------------------------

    def count(self, table: Any) -> int:
        with storage.once() as tx:
            return int(tx.scalar(select(func.count()).select_from(table)) or 0)

    def rows(self, table: Any) -> list[Any]:
        with storage.once() as tx:
            return list(tx.execute(select(table).order_by(*table.primary_key)))

    def endings(self) -> list[Any]:
        """The lines of the audit that tell of a session's end."""
        return [row for row in self.rows(tables.audit) if row.event.startswith("session.")]

    def at_once(self, deeds: list[Callable[[], R]]) -> list[R | Exception]:
        """Do all `deeds` at the same moment, a thread each; gives what each returned or raised."""
        together = threading.Barrier(len(deeds))

        def run(deed: Callable[[], R]) -> R | Exception:
            with self.app.app_context():
                together.wait(60)
                try:
                    return deed()
                except Exception as error:
                    return error

        with ThreadPoolExecutor(len(deeds)) as pool:
            return list(pool.map(run, deeds))
