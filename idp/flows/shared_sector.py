"""A sector that services share because their redirect URIs stand in one document (OpenID Connect Registration 5)."""

from urllib.parse import urlsplit

import orjson

from idp.domain.refusals import Refusal
from idp.domain.relying_services import SHARED_SECTOR
from idp.domain.service_metadata import ServiceMetadata
from idp.runtime.outbound import OutboundFailure
from idp.runtime.runtime import Runtime


def find(runtime: Runtime, read: ServiceMetadata) -> str | None:
    """The sector of all services whose redirect URIs stand in one document, named after its host; None without one.

    Never one that the province fixed, whatever that is called. Raises Refusal where the document cannot be had, or does
    not list every redirect URI (OpenID Connect Registration 5).
    """
    uri = read.sector_identifier_uri
    if uri is None:
        return None
    try:
        listed = orjson.loads(runtime.foreign_documents.fetch(uri))
    except (OutboundFailure, ValueError):
        listed = None
    if not isinstance(listed, list) or not set(read.redirect_uris) <= {
        each for each in listed if isinstance(each, str)
    }:
        raise Refusal(
            "invalid_client_metadata",
            "sector_identifier_uri must answer with a JSON list that holds every redirect URI (OpenID Connect "
            "Registration 5)",
            field="sector_identifier_uri",
        )
    return f"{SHARED_SECTOR}{urlsplit(uri).hostname}"
