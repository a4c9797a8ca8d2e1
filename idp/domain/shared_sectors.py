"""A sector that services share because their redirect URIs stand in one document (OpenID Connect Registration 5)."""

from urllib.parse import urlsplit

import orjson

from idp.domain.metadata_members import refuse
from idp.domain.relying_services import SHARED_SECTOR
from idp.domain.service_metadata import ServiceMetadata


def check(read: ServiceMetadata, document: bytes) -> str:
    """The sector of all services whose redirect URIs stand in the document at `sector_identifier_uri`.

    Named after its host; never one that the province fixed, whatever that is called. Raises Refusal where the document
    does not list every redirect URI.
    """
    try:
        listed = orjson.loads(document)
    except ValueError:
        listed = None
    known = {each for each in listed if isinstance(each, str)} if isinstance(listed, list) else set()
    if not set(read.redirect_uris) <= known:
        refuse(
            "sector_identifier_uri",
            "must answer with a JSON list that holds every redirect URI (OpenID Connect Registration 5)",
        )
    return f"{SHARED_SECTOR}{urlsplit(read.sector_identifier_uri or '').hostname}"
