"""What a person agreed to, or was told of, at each service: rows are added and withdrawn, never changed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, update

from idp.domain import claims
from idp.domain.consent import BasisKind, Consent
from idp.storage.database import Tx
from idp.storage.tables import consents


def find_latest(tx: Tx, subject_id: UUID, service_id: UUID, needed: BasisKind) -> Consent | None:
    """The newest answer of this person for this service that may serve as the kind of basis that is needed.

    A consent can stand where a notice would do, never the other way round.
    """
    kinds = [BasisKind.CONSENT] if needed is BasisKind.CONSENT else list(BasisKind)
    statement = (
        select(consents)
        .where(consents.c.subject_id == subject_id, consents.c.service_id == service_id, consents.c.kind.in_(kinds))
        .order_by(consents.c.id.desc())
        .limit(1)
    )
    row = tx.execute(statement).one_or_none()
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
        )
    )


def end_consent(tx: Tx, consent_id: UUID, now: datetime) -> bool:
    where = (consents.c.id == consent_id, consents.c.withdrawn_at.is_(None))
    return tx.execute(update(consents).where(*where).values(withdrawn_at=now)).rowcount == 1
