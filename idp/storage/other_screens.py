"""Screens that ask a phone for a sign-in: asked once, answered once, used once, and gone within minutes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy import insert, select, update

from idp.domain.other_screens import ScreenState
from idp.runtime.keyring import Keyring
from idp.storage.database import Tx
from idp.storage.tables import other_screens


@dataclass(frozen=True, slots=True)
class Asking:
    """What the phone is shown: where the sign-in leads (`service_id` '' for our own pages), and from where it is asked.

    `address` and `agent` are what the asking browser said.
    """

    service_id: str
    redirect_uri: str
    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class Screen:
    id: UUID
    state: ScreenState
    number: str
    asking: Asking
    asked_at: datetime
    expires_at: datetime


def insert_screen(
    tx: Tx, keyring: Keyring, id_: UUID, number: str, asking: Asking, *, now: datetime, expires_at: datetime
) -> None:
    told = orjson.dumps([asking.service_id, asking.redirect_uri, asking.address, asking.agent])
    tx.execute(
        insert(other_screens).values(
            id=id_,
            state=ScreenState.ASKED,
            number=number,
            asking_sealed=keyring.seal("screen", told, id_.bytes),
            created_at=now,
            expires_at=expires_at,
        )
    )


def find_screen(tx: Tx, keyring: Keyring, id_: UUID, now: datetime) -> Screen | None:
    """A screen that still waits or was answered; None for one whose time is over."""
    where = (other_screens.c.id == id_, other_screens.c.expires_at > now)
    row = tx.execute(select(other_screens).where(*where)).one_or_none()
    if row is None:
        return None
    asking = Asking(*orjson.loads(keyring.open("screen", row.asking_sealed, id_.bytes)))
    return Screen(id_, ScreenState(row.state), row.number, asking, row.created_at, row.expires_at)


def save_answer(
    tx: Tx, id_: UUID, state: ScreenState, now: datetime, *, subject_id: UUID, methods: tuple[str, ...] = ()
) -> bool:
    """Keep what the phone said; False when the screen had its answer, or its time is over."""
    where = (
        other_screens.c.id == id_,
        other_screens.c.state == ScreenState.ASKED,
        other_screens.c.expires_at > now,
    )
    values = {"state": state, "subject_id": subject_id, "amr": " ".join(methods)}
    return tx.execute(update(other_screens).where(*where).values(values)).rowcount == 1


def end_of_people(tx: Tx, subject_ids: Sequence[UUID]) -> None:
    """No screen that the phone of one of these people approved, and that has not gone on yet, goes on any more."""
    where = (other_screens.c.subject_id.in_(subject_ids), other_screens.c.state == ScreenState.APPROVED)
    tx.execute(update(other_screens).where(*where).values(state=ScreenState.REFUSED))


def use_screen(tx: Tx, id_: UUID, now: datetime) -> tuple[UUID, tuple[str, ...]] | None:
    """Who was approved for this screen and by which methods, this once; None for every other screen."""
    where = (
        other_screens.c.id == id_,
        other_screens.c.state == ScreenState.APPROVED,
        other_screens.c.expires_at > now,
    )
    statement = update(other_screens).where(*where).values(state=ScreenState.USED)
    row = tx.execute(statement.returning(other_screens.c.subject_id, other_screens.c.amr)).one_or_none()
    return (row.subject_id, tuple(row.amr.split())) if row else None
