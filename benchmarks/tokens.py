"""What asking who calls, and what they may do, adds to each request."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from backstory.clock import SystemClock
from backstory.contexts.granting import Granting
from backstory.domain import policy, roles
from backstory.domain.permissions import NOTHING_BOUND, Bound
from backstory.domain.policy import Verb
from backstory.domain.principals import LOCAL_ADMIN, Principal
from backstory.security.claims import Reading
from backstory.security.issuing import Grant, SigningKeys
from backstory.security.keeping import Keys
from backstory.security.sources import FileSource
from backstory.security.tokens import Expected, Reader
from backstory.security.verifying import Verifier
from backstory.testing import ModelStore
from benchmarks.report import Ratio
from benchmarks.timing import medians

KNOWN_MICROS = 3
DECISION_MICROS = 10
_TIMES = 1000
_ISSUER, _AUDIENCE = "https://login.example.com", "https://context.example.com"
_SCOPE = "context:read context:write:users.ada.notes.* context:write:users.ada.chats.*"


def run(folder: Path) -> list[Ratio]:
    """A known token, one that is new, rights, and decisions for some kinds of callers."""
    made = SigningKeys.open(folder / "keys.json")
    grant = Grant("acme", "ada", "cli", _AUDIENCE, ("member", "reader"), _SCOPE, 600)
    token = made.issue(_ISSUER, grant, SystemClock().now()).token
    source = FileSource(made.public_path)
    reader = Reader(Expected(_ISSUER, (_AUDIENCE,), Reading()), keys := Keys(source))
    verifier = Verifier(reader)
    with asyncio.Runner() as runner:
        runner.run(keys.load())
        principal = runner.run(verifier.verify(token))
        new = _seconds(lambda: runner.run(verifier.verify(token)), 200)
    callers = {
        "the local administrator": _known(LOCAL_ADMIN),
        "a member": _known(Principal("acme", "ada", frozenset({"member"}))),
        "two roles and three scopes": _known(principal),
        "a hundred permissions and fifty denials": policy.with_rights(principal, _bound()),
    }
    works = {"known": lambda: _repeat(lambda: verifier.known(token))}
    works["rights"] = _rights(principal)
    works |= {name: _decisions(who) for name, who in callers.items()}
    found = {name: seconds / _TIMES * 1e6 for name, seconds in medians(works, 50).items()}
    known, rights = found.pop("known"), found.pop("rights")
    detail = f"{known:.2f} us for {len(token):,} bytes; {new * 1e6:.0f} us to verify a new one"
    ratios = [Ratio("a known token, of 3 us", known / KNOWN_MICROS, 1, detail)]
    detail = f"{rights:.2f} us; they are read again when somebody changes them"
    ratios.append(Ratio("the rights of a known caller, of 3 us", rights / KNOWN_MICROS, 1, detail))
    for name, micros in found.items():
        work = f"a decision for {name}, of 10 us"
        ratios.append(Ratio(work, micros / DECISION_MICROS, 1, f"{micros:.2f} us"))
    return ratios


def _known(principal: Principal) -> Principal:
    """As the edge has it."""
    return policy.with_rights(principal, NOTHING_BOUND)


def _bound() -> Bound:
    """As many roles of one's own allow and deny."""
    places = [f"teams.{number}.{each}.*" for number in range(50) for each in ("a", "b")]
    rule = roles.Rule((Verb.WRITE,), tuple(map(roles.Template, places)))
    deny = roles.Rule((Verb.WRITE,), tuple(map(roles.Template, places[::2])))
    allowed, denied = roles.grants("many", roles.Role((rule,), (deny,)), "groups/staff", {})
    return Bound((), tuple(allowed), tuple(denied))


def _rights(principal: Principal):
    """Asks for the rights of a caller that was seen before."""
    granting = Granting(ModelStore(), SystemClock())
    with asyncio.Runner() as runner:
        runner.run(granting.of(principal))
    return lambda: _repeat(lambda: granting.known(principal))


def _decisions(who: Principal):
    return lambda: _repeat(lambda: policy.decide(who, Verb.WRITE, "users.ada.notes.today"))


def _repeat(work) -> None:
    for _ in range(_TIMES):
        work()


def _seconds(work, times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - start) / times
