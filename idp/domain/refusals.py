"""Why somebody was refused: one exception, one closed list of codes.

A refusal undoes the work of its transaction (house rule: raise to undo, return a result to keep). `web/errors.py`
gives each code its status and page; the protocol turns those it meets into OAuth errors.
"""

from typing import Final

CODES: Final = frozenset(
    {
        # identifiers and names that a person typed
        "invalid_identifier",
        "invalid_name",
        "invalid_birth_date",
        "invalid_password",
        # registrations of relying services (RFC 7591 3.2.2)
        "invalid_redirect_uri",
        "invalid_client_metadata",
        # pages
        "unknown_service",
        "redirect_uri_not_registered",
        "request_malformed",
        "request_too_large",
        "page_expired",
        "link_expired",
        "service_suspended",
        "logout_malformed",
        "cookies_off",
        "busy",
        "not_found",
        "method_not_allowed",
        "server_error",
        "unavailable",
        # the consoles
        "not_permitted",
        "same_officer",
        "same_device",
        "own_case",
        "case_changed",
        "case_expired",
        "document_expired",
        # the command line
        "invalid_file",
        "already_exists",
        "no_such_account",
        "no_such_service",
        "nothing_agreed",
        "reason_missing",
        "too_long",
        "too_many",
        "wrong_state",
        "unknown_key",
        "too_soon",
        "unknown_parcel",
    }
)


class Refusal(Exception):
    """A request that is refused. `detail` is plain ASCII English for developers and logs, never personal data."""

    def __init__(self, code: str, detail: str = "", *, field: str = "") -> None:
        if code not in CODES:
            raise ValueError(f"unknown refusal code: {code}")
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.field = field
