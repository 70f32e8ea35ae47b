"""What clients are told of the authorization server (RFC 8414)."""

from __future__ import annotations

from typing import Any, Final

from backstory.domain.policy import SCOPES
from backstory.security.authority.clients import CODE, MACHINE, REFRESH
from backstory.security.authority.service import Service

_METHODS: Final = ["none", "client_secret_basic", "client_secret_post"]


def document(service: Service) -> dict[str, Any]:
    """The metadata document; MCP asks for the challenge methods and client documents."""
    base = service.issuer.rstrip("/")
    return {
        "issuer": service.issuer,
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/token",
        "revocation_endpoint": f"{base}/revoke",
        "jwks_uri": f"{base}/jwks",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [CODE, REFRESH, MACHINE],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": _METHODS,
        "revocation_endpoint_auth_methods_supported": _METHODS,
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": True,
        "protected_resources": list(service.audiences),
    }
