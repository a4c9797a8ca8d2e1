"""Merging two accounts in words: both side by side, what each service sees afterwards, why it cannot be done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from flask_babel import format_datetime, gettext

from idp.domain.merging import UNDO_FOR, Known, Merge, Preview, Side
from idp.flows.people import Shown
from idp.web import given
from idp.web.console_texts import account_states, source_text
from idp.web.release_texts import shown_date
from idp.web.texts import N_, ground_text

_HINDRANCES: Final = {
    "one_account": N_("That is this very account. Choose another one."),
    "staff": N_("An officer’s account is never merged."),
    "kept_not_open": N_("The account that is kept must be open. Unlock it first, if that may be."),
    "kept_not_proved": N_(
        "Nobody has checked whose the kept account is. Check the person at a counter first: what services know of the "
        "other account would open to whoever made this one."
    ),
    "merged_proved_better": N_("The other account is proved better. Keep that one instead."),
    "merged_closed": N_("The account that would be closed is closed already."),
    "merged_locked": N_(
        "The account that would be closed was locked by a decision. Lift the lock first, if that may be."
    ),
    "merged_may_be_undone": N_(
        "Another account was merged into the one that would be closed, and that can still be undone. Keep that one "
        "instead, or wait until it is final."
    ),
}
_LIKENESSES: Final = {
    "same": N_("the same"),
    "other": N_("NOT the same"),
    "unknown": N_("not known of both"),
}
_KNOWN: Final = {
    Known.KEPT: N_("only the account that is kept: nothing changes for it"),
    Known.MERGED: N_("only the account that is closed: it goes on under the same identifier and finds its dossiers"),
    Known.BOTH: N_(
        "both: it sees the identifier of the account that is kept; what it has under the other one its agency must join"
    ),
}
_MERGES: Final = {
    (True, "open"): N_("Another account was merged into this one on %(at)s. It can be undone until %(until)s."),
    (True, "final"): N_("Another account was merged into this one on %(at)s."),
    (True, "undone"): N_("Another account was merged into this one on %(at)s; that was undone on %(undone)s."),
    (False, "open"): N_("This account was merged into another one on %(at)s. It can be undone until %(until)s."),
    (False, "final"): N_("This account was merged into another one on %(at)s."),
    (False, "undone"): N_("This account was merged into another one on %(at)s; that was undone on %(undone)s."),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One fact of both accounts, and how the two compare."""

    label: str
    kept: str
    merged: str
    likeness: str = ""
    differs: bool = False


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """One service: which account it knows, and the identifiers it sees."""

    name: str
    knows: str
    sees: str
    no_more: str


@dataclass(frozen=True, slots=True)
class MergeView:
    """Both accounts side by side, and each service that knows one of them."""

    lines: tuple[Line, ...]
    services: tuple[ServiceLine, ...]
    hindrance: str
    days: int = UNDO_FOR.days


@dataclass(frozen=True, slots=True)
class MergeLine:
    """What a record says of a merge."""

    id: str
    text: str
    may_undo: bool


def merge_view(preview: Preview, shown: Mapping[UUID, Shown], names: Mapping[UUID, str]) -> MergeView:
    """`shown` is what the officer sees of both accounts; `names` are those of the services."""
    kept, merged = (_side(side, shown[side.subject.id]) for side in (preview.kept, preview.merged))
    likeness = {name: each.value for name, each in preview.likeness().items()}
    return MergeView(
        lines=tuple(
            Line(
                label,
                kept[name] or gettext("None on record"),
                merged[name] or gettext("None on record"),
                gettext(_LIKENESSES[likeness[name]]) if name in likeness else "",
                likeness.get(name) == "other",
            )
            for name, label in _labels().items()
        ),
        services=tuple(
            ServiceLine(names[each.service_id], gettext(_KNOWN[each.known]), each.sees, each.no_more)
            for each in preview.visits
        ),
        hindrance=gettext(_HINDRANCES[preview.hindrance]) if preview.hindrance else "",
    )


def merge_lines(merges: Sequence[Merge], subject_id: UUID) -> list[MergeLine]:
    """The merges of an account, the newest first."""
    return [_merge_line(each, each.kept_id == subject_id) for each in merges]


def _merge_line(merge: Merge, is_kept: bool) -> MergeLine:
    may_undo = merge.may_be_undone(given.runtime().clock.now())
    stands = "open" if may_undo else "final" if merge.undone_at is None else "undone"
    moments = {
        "at": _moment(merge.merged_at),
        "until": _moment(merge.undo_until),
        "undone": _moment(merge.undone_at) if merge.undone_at else "",
    }
    return MergeLine(merge.id.hex, gettext(_MERGES[is_kept, stands], **moments), may_undo)


def _labels() -> dict[str, str]:
    return {
        "name": gettext("Full name"),
        "number": gettext("Personal ID number"),
        "birthdate": gettext("Date of birth"),
        "source": gettext("Who vouches"),
        "level": gettext("Account level"),
        "state": gettext("Account"),
        "contacts": gettext("Phone and e-mail"),
        "made": gettext("Made on"),
    }


def _side(side: Side, shown: Shown) -> dict[str, str]:
    state = account_states()[side.subject.state]
    return {
        "name": shown.name,
        "number": shown.number,
        "birthdate": shown_date(shown.birthdate),
        "source": source_text(side.subject.proof_source),
        "level": str(int(side.subject.account_level)),
        "state": f"{state}: {ground_text(side.lock.ground)}" if side.lock else state,
        "contacts": ", ".join(shown.contacts),
        "made": _moment(side.created_at),
    }


def _moment(moment: object) -> str:
    return str(format_datetime(moment, "HH:mm dd/MM/yyyy"))
