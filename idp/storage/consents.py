"""What a person agreed to, or was told of, at each service: rows are added and withdrawn, never changed."""

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, bindparam, insert, select, update

from idp.domain import claims
from idp.domain.consent import BasisKind, Consent
from idp.storage.database import Tx
from idp.storage.statements import Statement
from idp.storage.tables import consents


def _latest(*more: ColumnElement[bool]) -> Statement:
    subject, service = bindparam("subject_id", type_=Uuid), bindparam("service_id", type_=Uuid)
    where = (consents.c.subject_id == subject, consents.c.service_id == service, *more)
    return Statement(select(consents).where(*where).order_by(consents.c.id.desc()).limit(1))


_FIND_ANY: Final = _latest()
_FIND_CONSENT: Final = _latest(consents.c.kind == BasisKind.CONSENT.value)


def find_latest(tx: Tx, subject_id: UUID, service_id: UUID, needed: BasisKind) -> Consent | None:
    """The newest answer of this person for this service that may serve as the kind of basis that is needed.

    A consent can stand where a notice would do, never the other way round.
    """
    statement = _FIND_CONSENT if needed is BasisKind.CONSENT else _FIND_ANY
    row = statement.find(tx, {"subject_id": subject_id, "service_id": service_id})
    if row is None:
        return None
    return Consent(
        id=row.id,
        subject_id=row.subject_id,
        service_id=row.service_id,
        kind=BasisKind(row.kind),
        names=claims.from_bits(row.name_bits),
        offline=row.offline,
        legal_basis=row.legal_basis,
        given_at=row.given_at,
        withdrawn_at=row.withdrawn_at,
        resources=frozenset((row.resources or "").split()),
    )


def insert_consent(tx: Tx, consent: Consent) -> None:
    tx.execute(
        insert(consents).values(
            id=consent.id,
            subject_id=consent.subject_id,
            service_id=consent.service_id,
            kind=consent.kind,
            name_bits=claims.to_bits(consent.names),
            offline=consent.offline,
            legal_basis=consent.legal_basis,
            given_at=consent.given_at,
            resources=" ".join(sorted(consent.resources)) or None,
        )
    )


def end_consents(tx: Tx, subject_id: UUID, service_id: UUID, now: datetime) -> int:
    """Withdraw what a person agreed to at a service; a notice of a law stays. Gives how many answers that were."""
    where = (
        consents.c.subject_id == subject_id,
        consents.c.service_id == service_id,
        consents.c.kind == BasisKind.CONSENT.value,
        consents.c.withdrawn_at.is_(None),
    )
    return tx.execute(update(consents).where(*where).values(withdrawn_at=now)).rowcount
