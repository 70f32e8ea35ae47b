"""OAuth 2.1 itself, by Authlib, over what the authorization server keeps."""

from __future__ import annotations
