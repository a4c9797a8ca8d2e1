"""What is said of files for many people: what is wrong with a file or a line, and how a job stands."""

from typing import Final

from flask_babel import gettext

from idp.web.texts import N_

_FILE_FAULTS: Final = {
    "empty": N_("There is nothing in the file. Choose a file with the names of the columns in its first line."),
    "too_large": N_("The file is too large. Divide it."),
    "packed": N_("This is a packed file or a spreadsheet. Open it, and save it as “CSV UTF-8”."),
    "encoding": N_("The file’s letters cannot be read. Open it in a spreadsheet, and save it as “CSV UTF-8”."),
    "csv": N_("A quotation mark in the file is opened and not closed. Save it as “CSV UTF-8” anew."),
    "columns": N_("The first line does not name the columns that are needed: so_dinh_danh, ho_ten, ngay_sinh."),
    "too_long": N_("The file has too many lines. Divide it."),
}
_SAID_FAULTS: Final = {
    "reason": N_("Say why, and by which document."),
    "ground": N_("Choose a ground."),
    "source": N_("Name the document, with its number."),
}
_FAULTS: Final = {
    "shape": N_("The line has more cells than the first line, a cell that is too long, or none"),
    "number": N_("The personal ID number is no such number"),
    "name": N_("The name cannot be one"),
    "birth": N_("The date of birth cannot be one"),
    "phone": N_("The phone number cannot be one"),
    "email": N_("The e-mail address cannot be one"),
    "twice": N_("The number stands in an earlier line"),
    "there": N_("The number is on record already"),
    "unknown": N_("Nobody signs in with this number"),
    "not_open": N_("The account is locked already, or not one to lock"),
}
_KINDS: Final = {"import": N_("Take over"), "lock": N_("Lock")}
_STATES: Final = {
    "checking": N_("is being checked"),
    "checked": N_("checked; nothing was changed"),
    "running": N_("is being done"),
    "done": N_("done"),
    "dropped": N_("thrown away, since nobody approved it"),
}


def file_fault_text(why: str) -> str:
    """Why a file is refused whole."""
    return str(gettext(_FILE_FAULTS[why]))


def said_fault_text(field: str) -> str:
    """What is missing beside the file."""
    return str(gettext(_SAID_FAULTS[field]))


def fault_text(fault: str) -> str:
    """Why a line is passed over."""
    return str(gettext(_FAULTS[fault]))


def kind_text(kind: str) -> str:
    """What a job does."""
    return str(gettext(_KINDS[kind]))


def state_text(state: str) -> str:
    """How a job stands."""
    return str(gettext(_STATES[state]))
