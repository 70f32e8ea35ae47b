"""The table of settings: each with its default, its meaning and what is allowed.

A new setting is one field here, and `make reference` writes its row; its variable,
its flag and its key in the file follow from its name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from backstory import limits
from backstory.config import bus_urls, cache_urls, readers, urls
from backstory.config import routes as routing

PREFIX: Final = "BACKSTORY_"
DEFAULT_ORIGIN: Final = "default"


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of one setting besides its value.

    `read` turns what was written into a typed value, or raises `ValueError` with the rest
    of a sentence. `default` is text for people, since a default may depend on the machine.
    """

    name: str
    meaning: str
    default: str
    read: Callable[[object], Any]
    secret: bool = False

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def is_switch(self) -> bool:
        return self.read is readers.switch

    def shown(self, value: object) -> str:
        """The value as a person may see it: secrets and passwords masked, on one line."""
        if value is None or value in ("", ()):
            return ""
        if self.secret:
            return "********"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, tuple | list):
            return ", ".join(str(part) for part in value)
        return urls.masked(str(value))


def _setting(
    default: Any,
    meaning: str,
    read: Callable[[object], Any],
    *,
    text: str | None = None,
    secret: bool = False,
) -> Any:
    """A dataclass field; a default that depends on the machine is a function, with `text`."""
    about = {"meaning": meaning, "read": read, "text": text, "secret": secret}
    if callable(default):
        return field(default_factory=default, metadata=about, repr=not secret)
    return field(default=default, metadata=about, repr=not secret)


def _log_format() -> str:
    """People read terminals, programs read everything else."""
    return "console" if sys.stderr is not None and sys.stderr.isatty() else "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting, with where each value came from in `origins`.

    An origin is `default`, a flag (`--port`), a variable (`BACKSTORY_PORT`) or a file's path.
    """

    host: str = _setting(
        "127.0.0.1",
        "Address to listen on; without auth_issuer a loopback address only",
        readers.host,
    )
    port: int = _setting(
        8765,
        "Port to listen on; 0 takes a free one",
        readers.whole(0, 65535),
    )
    ops_port: int | None = _setting(
        None,
        "Port for metrics and health without a token, plain HTTP; 0 takes a free one",
        readers.port_or_none,
        text="none: with the others",
    )
    ops_host: str = _setting(
        "127.0.0.1",
        "Address of that port; whoever reaches it may look",
        readers.host,
    )
    store: urls.StoreUrl | urls.ServerUrl = _setting(  # noqa: RUF009 -- returns a field
        urls.DEFAULT_STORE,
        "Where contexts are kept: sqlite:///FILE or postgresql://USER@HOST/DATABASE",
        urls.store_url,
    )
    routes: tuple[routing.Route, ...] = _setting(
        (),
        "Namespaces that other stores keep: PATTERN = STORE-URL, with ; between",
        routing.routes,
        text="none: one store keeps all",
    )
    master_key: tuple[str, ...] = _setting(
        (),
        "Encrypts the store: what wraps its keys, file:PATH or an extension's NAME:...; of several "
        "the first wraps, the others still open",
        readers.master_keys,
        text="none: the store is not encrypted",
    )
    keys: urls.StoreUrl | urls.ServerUrl | None = _setting(  # noqa: RUF009 -- returns a field
        None,
        "Where keys and the list of erasures are kept: sqlite:///FILE or postgresql://...",
        urls.keys_url,
        text="beside the store: FILE.keys, or the schema backstory_keys",
    )
    key_days: int = _setting(
        limits.KEY_DAYS,
        "Days after which servers of an encrypted store replace a data key and encrypt its rows anew, "
        "in the background; 0 replaces none",
        readers.whole(0, 36_500),
    )
    replica: urls.ServerUrl | None = _setting(  # noqa: RUF009 -- returns a field
        None,
        "Standby of a PostgreSQL store, which is read before the primary: postgresql://...",
        urls.replica_url,
    )
    cache: str = _setting(
        cache_urls.NEAR,
        "Where bodies that were read are cached: memory://, redis://..., rediss://... or memcached://...",
        cache_urls.cache_url,
    )
    cache_megabytes: int = _setting(
        limits.CACHE_MEGABYTES,
        "Memory of each process for bodies that were read, in MiB; 0 keeps none",
        readers.whole(0, 1_000_000),
    )
    bus: str = _setting(
        bus_urls.STORE,
        "How nodes tell each other of changes: store, memory://, or a PostgreSQL's or Redis's URL",
        bus_urls.bus_url,
    )
    workers: int = _setting(
        1,
        "Processes that serve requests, from 1 to 64",
        readers.whole(1, 64),
    )
    worker_silence_seconds: int = _setting(
        limits.WORKER_SILENCE_SECONDS,
        "Seconds without a sign of life after which a worker is replaced; 0 waits forever",
        readers.whole(0, 3600),
    )
    worker_memory_megabytes: int = _setting(
        0,
        "Memory of its own, in MiB, above which a worker is drained and replaced; 0 bounds nothing",
        readers.whole(0, 1_000_000),
    )
    drain_seconds: int = _setting(
        0,
        "Seconds to go on serving when told to stop, for a load balancer to send requests elsewhere",
        readers.whole(0, limits.DRAIN_SECONDS),
    )
    local_token: bool = _setting(
        False,
        "Without authentication, ask for a token from a file that only the owner can read",
        readers.switch,
    )
    log_format: str = _setting(
        _log_format,
        "Form of log lines: console or json",
        readers.one_of("console", "json"),
        text="console on a terminal, else json",
    )
    log_level: str = _setting(
        "info",
        "Least important log lines to write: debug, info, warning or error",
        readers.one_of("debug", "info", "warning", "error"),
    )
    log_level_file: Path | None = _setting(  # noqa: RUF009 -- returns a field
        None,
        "File with a level that counts more than log_level, looked at once a second",
        readers.path,
        text="none",
    )
    access_log: bool = _setting(
        False,
        "Write a line for each request",
        readers.switch,
    )
    access_sample: int = _setting(
        1,
        "Of requests that went well and soon, one in so many is written by access_log and remembered by insights; 1: each",
        readers.whole(1, limits.ACCESS_SAMPLE),
    )
    search: bool = _setting(
        True,
        "Index the text of states and entries for search",
        readers.switch,
    )
    history_days: int = _setting(
        0,
        "Days for which past versions are kept; 0 keeps all history",
        readers.whole(0, 36_500),
    )
    insights: bool = _setting(
        False,
        "Remember the newest requests of each process, for operators at /v1/admin/insights",
        readers.switch,
    )
    scrub_hours: int = _setting(
        limits.SCRUB_HOURS,
        "Hours between two looks in the background at whether all that is stored is whole; 0 for none",
        readers.whole(0, 8760),
    )
    public_url: str | None = _setting(
        None,
        "URL under which clients reach the server, if not the one it listens on",
        readers.public_url,
    )
    allowed_hosts: tuple[str, ...] = _setting(
        (),
        "Further host names that requests may name in their Host header",
        readers.hosts,
    )
    audit: str = _setting(
        "writes",
        "What the audit trail tells of: off, writes (refusals included) or all (reads, too)",
        readers.one_of("off", "writes", "all"),
    )
    audit_days: int = _setting(
        limits.AUDIT_DAYS,
        "Days for which the audit trail is kept; 0 keeps all of it",
        readers.whole(0, 36_500),
    )
    metrics: bool = _setting(
        True,
        "Count what is done, and show it at /metrics",
        readers.switch,
    )
    tls_certificate: Path | None = _setting(  # noqa: RUF009 -- returns a field
        None,
        "PEM file with the server's certificate and those between it and the authority",
        readers.path,
        text="none: HTTP without TLS",
    )
    tls_key: Path | None = _setting(  # noqa: RUF009 -- returns a field
        None,
        "PEM file with the certificate's key, unencrypted",
        readers.path,
        text="in the certificate's file",
    )
    tls_client_ca: Path | None = _setting(  # noqa: RUF009 -- returns a field
        None,
        "PEM file with the authorities whose clients alone may connect (mutual TLS)",
        readers.path,
        text="none: clients show no certificate",
    )
    tls_minimum: str = _setting(
        "1.3",
        "Oldest version of TLS that is spoken: 1.3 or 1.2",
        readers.one_of("1.3", "1.2"),
    )
    cors_origins: tuple[str, ...] = _setting(
        (),
        "Pages elsewhere that browsers may let call the server, as origins",
        readers.origins,
    )
    auth_issuer: str | None = _setting(
        None,
        "Issuer of access tokens; as soon as it is set, every caller needs one",
        readers.issuer,
    )
    auth_jwks: str | None = _setting(
        None,
        "The issuer's keys, https: or file:; without it its metadata is asked",
        readers.keys_url,
        text="what the issuer's metadata names",
    )
    auth_audience: tuple[str, ...] = _setting(
        (),
        "What tokens have to be made for, one of a list; needed with auth_issuer",
        readers.texts,
    )
    auth_introspection: str | None = _setting(
        None,
        "Where the issuer is asked about tokens that are no JWTs (RFC 7662), https:",
        readers.asked_url,
    )
    auth_client_id: str | None = _setting(
        None,
        "Who the server is to the issuer, when it asks about tokens",
        readers.secret,
    )
    auth_client_secret: str | None = _setting(
        None,
        "What it shows the issuer for that",
        readers.secret,
        secret=True,
    )
    auth_client_method: str = _setting(
        "basic",
        "How it shows that: basic (HTTP Basic), or post, in the form",
        readers.one_of("basic", "post"),
    )
    auth_dpop: str = _setting(
        "off",
        "Proofs that callers have the key of their token (DPoP): off, optional or required",
        readers.one_of("off", "optional", "required"),
    )
    auth_profile: str = _setting(
        "rfc9068",
        "What access tokens have to look like: rfc9068, or oidc, which asks for less",
        readers.one_of("rfc9068", "oidc"),
    )
    auth_tenant_claim: str = _setting(
        "tenant",
        "Claim that names the tenant: its name, or a JSON Pointer to it",
        readers.claim,
    )
    auth_roles_claim: str = _setting(
        "roles",
        "Claim that lists the caller's roles: its name, or a JSON Pointer to it",
        readers.claim,
    )
    auth_groups_claim: str = _setting(
        "groups",
        "Claim that lists the caller's groups, to which roles can be bound: its name, or a JSON Pointer",
        readers.claim,
    )
    auth_server: bool = _setting(
        False,
        "Be an authorization server as well, whose issuer is public_url: people sign in here",
        readers.switch,
    )
    auth_client_hosts: tuple[str, ...] = _setting(
        (),
        "Hosts of client ID metadata documents that may be on private networks",
        readers.hosts,
    )
    operators: tuple[str, ...] = _setting(
        (),
        "Who may what concerns all tenants, each as TENANT/SUBJECT",
        readers.operators,
    )
    rate_per_second: int = _setting(
        limits.RATE_PER_SECOND,
        "Requests a second that a caller with a token may send in the long run; 0 bounds nothing",
        readers.whole(0, limits.RATE_MAX),
    )
    rate_burst: int = _setting(
        limits.RATE_BURST,
        "Requests that a caller with a token may send at once",
        readers.whole(1, limits.RATE_MAX),
    )
    address_rate_per_second: int = _setting(
        limits.ADDRESS_RATE_PER_SECOND,
        "Requests a second from one address, where tokens are asked for; 0 bounds nothing",
        readers.whole(0, limits.RATE_MAX),
    )
    address_rate_burst: int = _setting(
        limits.ADDRESS_RATE_BURST,
        "Requests at once from one address, where tokens are asked for",
        readers.whole(1, limits.RATE_MAX),
    )
    watches_each: int = _setting(
        limits.WATCHES_EACH,
        "Long polls, streams and subscriptions of a caller with a token at a time, in each process; "
        "0 bounds nothing",
        readers.whole(0, limits.WATCHERS),
    )
    address_connections: int = _setting(
        limits.ADDRESS_CONNECTIONS,
        "Connections of one address to each process, where tokens are asked for; 0 bounds nothing",
        readers.whole(0, 1_000_000),
    )
    quota_contexts: int = _setting(
        0,
        "Contexts that a tenant may keep, unless an operator said otherwise of it; 0 bounds nothing",
        readers.whole(0, limits.QUOTA_MAX),
    )
    quota_bytes: int = _setting(
        0,
        "Bytes that a tenant may keep, unless an operator said otherwise of it; 0 bounds nothing",
        readers.whole(0, limits.QUOTA_MAX),
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (),
        "Addresses and networks of load balancers, whose X-Forwarded-For is believed",
        readers.networks,
    )
    mcp_fast_lane: bool = _setting(
        True,
        "Answer plain calls of tools and reads of resources without the MCP SDK between",
        readers.switch,
    )
    processing: str = _setting(
        "",
        "Transforms of what is written, by namespace and kind: a table, as JSON in variables",
        readers.processing,
        text="hidden characters are removed everywhere",
    )
    models: str = _setting(
        "",
        "Models beside the built-in ones, by pattern: a table, as JSON in variables",
        readers.models,
        text="those of the reference",
    )
    summariser: str = _setting(
        "",
        "Who makes summaries, and of what unasked: a table, as JSON in variables",
        readers.summariser,
        text="extractive, when asked",
    )
    summariser_key: str | None = _setting(
        None,
        "Key for the provider of summaries, if no key_file holds it",
        readers.secret,
        secret=True,
    )
    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def asks_tokens(self) -> bool:
        """Whether callers need an access token, whoever made it."""
        return self.auth_issuer is not None or self.auth_server

    def origin(self, name: str) -> str:
        """Where the value of a setting came from."""
        return self.origins.get(name, DEFAULT_ORIGIN)


def _table() -> dict[str, Setting]:
    found = {}
    for each in fields(Settings):
        if about := each.metadata:
            plain = Setting(each.name, about["meaning"], "", about["read"], about["secret"])
            text = about["text"] or plain.shown(each.default)
            found[each.name] = replace(plain, default=text)
    return found


TABLE: Final[Mapping[str, Setting]] = MappingProxyType(_table())
