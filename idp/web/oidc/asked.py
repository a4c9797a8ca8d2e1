"""A Flask request as the protocol floor takes it."""

from flask import request

from idp.domain.refusals import Refusal
from idp.protocol.answers import Asked, Pairs


def query_pairs() -> Pairs:
    return list(request.args.items(multi=True))


def form_pairs() -> Pairs:
    """The form of a post, never mixed with the query; other bodies carry no parameters (RFC 6749 Appendix B)."""
    if request.mimetype not in ("application/x-www-form-urlencoded", ""):
        raise Refusal("request_malformed", "the body must be application/x-www-form-urlencoded (RFC 6749 Appendix B)")
    return list(request.form.items(multi=True))


def asked() -> Asked:
    """A machine's request: its form and its Authorization header, nothing of the query."""
    pairs = form_pairs() if request.method == "POST" else []
    return Asked(
        request.method,
        pairs,
        request.headers.get("Authorization"),
        request.path,
        request.headers.get("Accept", ""),
    )
