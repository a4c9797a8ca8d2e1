"""The provider's metadata, made from what is mounted (OpenID Connect Discovery 1.0 3, RFC 8414 2)."""

from collections.abc import Mapping
from typing import Any, Final, get_args

from idp.domain import claims, levels
from idp.domain.relying_services import RequestObjectAlgorithm
from idp.domain.service_metadata import KNOWN_GRANT_TYPES, RESPONSE_TYPES
from idp.protocol import authorize, client_auth, response_modes
from idp.runtime import encryption, signing
from idp.runtime.runtime import Runtime

# The metadata name of each endpoint, by the name under which the web floor mounts it.
ENDPOINTS: Final = {
    "authorize": "authorization_endpoint",
    "token": "token_endpoint",
    "userinfo": "userinfo_endpoint",
    "jwks": "jwks_uri",
    "logout": "end_session_endpoint",
    "introspect": "introspection_endpoint",
    "revoke": "revocation_endpoint",
    "register": "registration_endpoint",
    "check_session": "check_session_iframe",
}

# What an ID token says of itself and of the sign-in.
OF_THE_SIGN_IN: Final = (
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "acr",
    "account_level",
    "proof_source",
    "amr",
    "sid",
    "at_hash",
    "c_hash",
)


def metadata(runtime: Runtime, mounted: Mapping[str, str]) -> dict[str, Any]:
    """The document; `mounted` gives the path of each endpoint that is really there."""
    issuer = runtime.settings.issuer
    document: dict[str, Any] = {"issuer": issuer}
    document |= {ENDPOINTS[name]: issuer + path for name, path in mounted.items() if name in ENDPOINTS}
    confidential = [method for method in client_auth.METHODS if method != "none"]
    document |= {
        "scopes_supported": list(claims.SCOPES_SUPPORTED),
        "response_types_supported": list(RESPONSE_TYPES),
        "response_modes_supported": list(response_modes.MODES),
        "grant_types_supported": list(KNOWN_GRANT_TYPES),
        "acr_values_supported": levels.acr_values_supported(),
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": list(signing.ALGORITHMS),
        "id_token_encryption_alg_values_supported": list(encryption.ALGORITHMS),
        "id_token_encryption_enc_values_supported": list(encryption.CONTENT),
        "token_endpoint_auth_methods_supported": list(client_auth.METHODS),
        "token_endpoint_auth_signing_alg_values_supported": [*client_auth.PRIVATE_ALGORITHMS, "HS256"],
        "introspection_endpoint_auth_methods_supported": confidential,
        "introspection_endpoint_auth_signing_alg_values_supported": [*client_auth.PRIVATE_ALGORITHMS, "HS256"],
        "introspection_signing_alg_values_supported": list(signing.ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": list(client_auth.METHODS),
        "revocation_endpoint_auth_signing_alg_values_supported": [*client_auth.PRIVATE_ALGORITHMS, "HS256"],
        "userinfo_signing_alg_values_supported": list(signing.ALGORITHMS),
        "userinfo_encryption_alg_values_supported": list(encryption.ALGORITHMS),
        "userinfo_encryption_enc_values_supported": list(encryption.CONTENT),
        "display_values_supported": ["page"],
        "claim_types_supported": ["normal"],
        "claims_supported": [*OF_THE_SIGN_IN, *claims.CLAIM_NAMES],
        "claims_parameter_supported": True,
        "request_parameter_supported": True,
        "request_uri_parameter_supported": True,
        "require_request_uri_registration": True,
        "request_object_signing_alg_values_supported": list(get_args(RequestObjectAlgorithm)),
        "request_object_encryption_alg_values_supported": list(encryption.ALGORITHMS),
        "request_object_encryption_enc_values_supported": list(encryption.CONTENT),
        "ui_locales_supported": ["vi", "en"],
        "prompt_values_supported": sorted(authorize.PROMPTS),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "op_policy_uri": f"{issuer}/privacy",
    }
    return document
