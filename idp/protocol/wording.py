"""What a refusal says to a service's developer: the requirement that was not met, and where it stands.

RFC 6749 4.1.2.1 and 5.2 (error_description). Our own refusals say it where they are raised; here Authlib's are put into
such words.
"""

from collections.abc import Mapping
from typing import Final

from authlib.oauth2.rfc6749.errors import OAuth2Error

# By what Authlib says, up to the first equals sign, after which it quotes the request.
OF_AUTHLIB: Final[Mapping[str, str]] = {
    "The client is not authorized to use 'response_type": (
        "the service is not registered for this response_type (RFC 6749 4.1.2.1)"
    ),
    "The client is not authorized to use 'grant_type": "the service is not registered for grant_type (RFC 6749 5.2)",
    "Missing 'code' in request.": "code is missing (RFC 6749 4.1.3)",
    "Invalid 'code' in request.": "code is not one that was given to this service (RFC 6749 5.2)",
    "Invalid 'redirect_uri' in request.": "redirect_uri is not that of the authorization request (RFC 6749 4.1.3)",
    "Missing 'refresh_token' in request.": "refresh_token is missing (RFC 6749 6)",
    "Invalid 'code_challenge'": "code_challenge must have 43 to 128 unreserved characters (RFC 7636 4.2)",
    "Invalid 'code_verifier'": "code_verifier must have 43 to 128 unreserved characters (RFC 7636 4.1)",
    "Code challenge failed.": "code_verifier does not belong to the code_challenge of the sign-in (RFC 7636 4.6)",
    "The authorization request had no 'code_challenge', but a 'code_verifier' was provided.": (
        "code_verifier came, but the sign-in had no code_challenge (RFC 9700 4.8.2)"
    ),
}
# By the error, where Authlib says nothing.
WITHOUT_A_WORD: Final[Mapping[str, str]] = {
    "unsupported_grant_type": "grant_type is none of those that metadata lists as grant_types_supported (RFC 6749 5.2)",
    "invalid_grant": "refresh_token is not one that was given to this service, or has expired (RFC 6749 5.2)",
}


def describe(error: OAuth2Error) -> str:
    """The error_description of an error, ours or Authlib's."""
    said = error.description
    if not said:
        return WITHOUT_A_WORD.get(error.error, "the request is refused (RFC 6749 5.2)")
    return OF_AUTHLIB.get(said.partition("=")[0], said)
