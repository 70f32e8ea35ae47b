"""What is to be had, from whom."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Wanted:
    """A certificate for names, from the authority whose directory it is.

    `account` is the file with the key by which the authority knows this host. Where `webroot` is
    given, a web server shows what lies there; else challenges are answered here, on `http_port`.
    Without `key`, the certificate's file holds the key as well. `trusted` are authorities that
    have signed the directory's own certificate, where those of the system did not.
    """

    directory: str
    names: tuple[str, ...]
    certificate: Path
    key: Path | None
    account: Path
    email: str | None = None
    agreed: bool = False
    webroot: Path | None = None
    http_host: str = ""
    http_port: int = 80
    trusted: Path | None = None
