"""What secrets look like: a few precise patterns of forms that providers document.

Each pattern leaves out NUL, which stands between the texts of one document, and brackets,
so that a mask is never taken for a secret again.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

API_KEY: Final = "api_key"
TOKEN: Final = "token"  # noqa: S105 - the name of a category
PRIVATE_KEY: Final = "private_key"
CREDENTIALS: Final = "credentials"

_API_KEYS: Final = (
    rb"sk-[A-Za-z0-9_-]{20,}",  # OpenAI, Anthropic, DeepSeek, OpenRouter and others
    rb"(?:AKIA|ASIA)[A-Z2-7]{16}",  # AWS
    rb"AIza[A-Za-z0-9_-]{35}",  # Google
    rb"GOCSPX-[A-Za-z0-9_-]{28}",  # Google OAuth client
    rb"ya29\.[A-Za-z0-9_-]{20,}",  # Google access token
    rb"gh[oprsu]_[A-Za-z0-9]{36,}",  # GitHub
    rb"github_pat_[A-Za-z0-9_]{22,}",
    rb"glpat-[A-Za-z0-9_.-]{20,}",  # GitLab
    rb"xox[abeoprs]-[A-Za-z0-9-]{10,}",  # Slack
    rb"xapp-[A-Za-z0-9-]{10,}",
    rb"[prs]k_(?:live|test)_[A-Za-z0-9]{16,}",  # Stripe
    rb"whsec_[A-Za-z0-9+/]{24,}",
    rb"hf_[A-Za-z0-9]{30,}",  # Hugging Face
    rb"npm_[A-Za-z0-9]{36}",
    rb"pypi-[A-Za-z0-9_-]{50,}",
    rb"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",  # SendGrid
    rb"do[opr]_v1_[0-9a-f]{64}",  # DigitalOcean
    rb"gsk_[A-Za-z0-9]{40,}",  # Groq
    rb"xai-[A-Za-z0-9]{40,}",
    rb"r8_[A-Za-z0-9]{37}",  # Replicate
    rb"pplx-[A-Za-z0-9]{40,}",  # Perplexity
    rb"dapi[0-9a-f]{32}",  # Databricks
    rb"AccountKey=[A-Za-z0-9+/=]{60,}",  # Azure storage
)
_KEY_HEAD: Final = rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_KEY_TAIL: Final = rb"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"

PATTERNS: Final[dict[str, bytes]] = {
    # Where the end is cut off, everything behind the head may be key.
    PRIVATE_KEY: _KEY_HEAD + rb"(?:[^\x00]*?" + _KEY_TAIL + rb"|[^\x00]*)",
    TOKEN: rb"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*"  # JWT, RFC 7519
    rb"|\b(?i:bearer)\s+[A-Za-z0-9._~+/-]{20,}=*",  # RFC 6750 section 2.1
    API_KEY: rb"\b(?:" + rb"|".join(_API_KEYS) + rb")",
    CREDENTIALS: rb"://[^\s/@:\x00\[\]\"\\]+:[^\s/@\x00\[\]\"\\]+@",  # RFC 3986 section 3.2.1
}

HINTS: Final[dict[str, bytes]] = {
    PRIVATE_KEY: rb"PRIVATE KEY",
    TOKEN: rb"eyJ[A-Za-z0-9_-]{8,}\.|(?i:bearer)",
    API_KEY: rb"|".join(_API_KEYS),
    CREDENTIALS: rb"://[^/@\"]*@|"
    rb"(?i:passw|passphrase|client[_-]?secret|secret[_-]?key|api[_-]?key|access[_-]?token|"
    rb"refresh[_-]?token|auth[_-]?token|private[_-]?key)[A-Za-z_-]*\":",
}
"""What compact JSON has in it wherever a pattern matches a text of it, escapes included:
no `\\b` in front, since the `n` of an escaped newline would hide one."""

_NEED_DIGIT: Final = (b"sk-", b"hf_", b"xapp-", b"bearer", b"Bearer", b"BEARER")
_MEMBERS: Final = frozenset(
    {
        "password",
        "passwd",
        "passphrase",
        "clientsecret",
        "secretkey",
        "apikey",
        "accesstoken",
        "refreshtoken",
        "authtoken",
        "privatekey",
    }
)


def plausible(category: str, found: bytes) -> bool:
    """Whether a match is one: words with hyphens look like the keys of some providers."""
    if category not in {API_KEY, TOKEN} or not found.startswith(_NEED_DIGIT):
        return True
    return any(48 <= byte <= 57 for byte in found)


@lru_cache(maxsize=4096)
def names_secret(member: str) -> bool:
    """Whether a member of that name holds a secret, whatever it looks like."""
    return member.lower().replace("_", "").replace("-", "") in _MEMBERS
