"""Roles that a tenant makes for itself: what they allow and deny, where, with variables.

A role is the state of a context, `_system.roles/<role>`. What stands there and is no role
grants nothing, and since it may have been one that denied, denies everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from backstory import limits
from backstory.domain.keys import EVERYWHERE, ContextKey, NamespacePattern, shorten
from backstory.domain.kinds import ACCESS_ROLE
from backstory.domain.permissions import ROLES, Grant, Permission, Verb
from backstory.domain.principals import Principal, segment_of
from backstory.errors import InvalidKeyError, SchemaError, Violation

KIND: Final = ACCESS_ROLE

VARIABLES: Final = ("sub", "client_id", "tenant", "group")
_NAME: Final = re.compile(rf"[a-z][a-z0-9_-]{{0,{limits.ROLE_BYTES - 1}}}\Z")
_VARIABLE: Final = re.compile(r"\{([a-z_]+)\}\Z")
_VERBS: Final = ", ".join(Verb)

Variables = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Template:
    """A namespace pattern whose segments may be variables: `teams.{group}.*`."""

    text: str

    @classmethod
    def parse(cls, text: str) -> Template:
        """The template that the text spells.

        Raises:
            InvalidKeyError: it is no pattern, has a variable that is not known, or begins with one.
        """
        segments = text.split(".")
        for place, segment in enumerate(segments):
            found = _VARIABLE.match(segment)
            if found is None:
                continue
            if found[1] not in VARIABLES:
                there = ", ".join(f"{{{name}}}" for name in VARIABLES)
                raise InvalidKeyError(f"unknown variable {shorten(segment)}; there are {there}")
            if place == 0:
                raise InvalidKeyError("a variable cannot come first: begin with a name of your own")
        NamespacePattern.parse(
            ".".join("x" if _VARIABLE.match(each) else each for each in segments)
        )
        return cls(text)

    @property
    def reserved(self) -> bool:
        return self.text.startswith("_")

    def filled(self, variables: Variables) -> Iterator[NamespacePattern]:
        """The pattern for each value of its variables; none where one has no value."""
        found = [""]
        for segment in self.text.split("."):
            name = _VARIABLE.match(segment)
            values = variables.get(name[1], ()) if name else (segment,)
            found = [f"{head}.{value}" for head in found for value in values]
        for text in found:
            try:
                yield NamespacePattern.parse(text[1:])
            except InvalidKeyError:  # longer than any namespace: there is nothing it could cover
                continue


@dataclass(frozen=True, slots=True)
class Rule:
    """Verbs on namespaces."""

    verbs: tuple[Verb, ...]
    namespaces: tuple[Template, ...]


@dataclass(frozen=True, slots=True)
class Role:
    """What a role allows, and what it denies whatever else allows it."""

    allow: tuple[Rule, ...] = ()
    deny: tuple[Rule, ...] = ()
    description: str = field(default="", compare=False)

    def view(self) -> dict[str, Any]:
        """It as callers see it, and as it is kept."""
        return {
            "description": self.description,
            "allow": [_rule_view(rule) for rule in self.allow],
            "deny": [_rule_view(rule) for rule in self.deny],
        }


DENIES_ALL: Final = tuple(Permission(verb, EVERYWHERE, reserved=True) for verb in Verb)
"""What stands for a role or binding that cannot be read."""


def is_role_name(name: str) -> bool:
    """Whether a role of the tenant's own may have the name."""
    return _NAME.match(name) is not None


def key_of(role: str) -> ContextKey:
    """The context that holds the role.

    Raises:
        SchemaError: it is no name for a role.
    """
    if is_role_name(role):
        return ContextKey(ROLES, role)
    detail = (
        f"{shorten(role)} cannot name a role: a letter of [a-z], then [a-z0-9_-], "
        f"at most {limits.ROLE_BYTES} bytes"
    )
    raise SchemaError(detail, errors=(Violation("/role", detail),))


def variables_of(principal: Principal) -> Variables:
    """What stands for the variables, as segments."""
    return {
        "sub": (segment_of(principal.subject),),
        "client_id": () if principal.client is None else (segment_of(principal.client),),
        "tenant": (segment_of(principal.tenant),),
        "group": tuple(segment_of(group) for group in sorted(principal.groups)),
    }


def grants(
    role: str, content: Role, binding: str | None, variables: Variables
) -> tuple[list[Grant], list[Grant]]:
    """What a role allows one principal, and what it denies.

    Who may not read may not know what is there, so a denied `read` denies everything.
    """
    allowed = [
        Grant(Permission(verb, pattern, verb is Verb.READ), role, binding)
        for verb, pattern in _spread(content.allow, variables)
        if verb is Verb.READ or not pattern.base.startswith("_")
    ]
    allowed = [_unreserved(each) for each in allowed]
    denied = [
        Grant(Permission(each, pattern, reserved=True), role, binding)
        for verb, pattern in _spread(content.deny, variables)
        for each in (Verb if verb is Verb.READ else (verb,))
    ]
    return allowed, list(dict.fromkeys(denied))


def _unreserved(grant: Grant) -> Grant:
    """`*` stops at reserved namespaces, which have to be named."""
    permission = grant.permission
    if permission.pattern.base:
        return grant
    return Grant(Permission(permission.verb, permission.pattern), grant.role, grant.binding)


def _spread(rules: Iterable[Rule], variables: Variables) -> Iterator[tuple[Verb, NamespacePattern]]:
    for rule in rules:
        patterns = list(chain.from_iterable(each.filled(variables) for each in rule.namespaces))
        yield from ((verb, pattern) for verb in rule.verbs for pattern in patterns)


# -- reading what was sent, or stands in the store --------------------------------------------


def read(value: Any) -> Role:
    """The role that a JSON value spells.

    Raises:
        SchemaError: it is none; each wrong place is named.
    """
    wrong: list[Violation] = []
    members = members_of(value, ("description", "allow", "deny"), wrong)
    description = members.get("description", "")
    if not isinstance(description, str) or len(description) > limits.ROLE_DESCRIPTION_CHARS:
        detail = f"must be text of at most {limits.ROLE_DESCRIPTION_CHARS} characters"
        wrong.append(Violation("/description", detail))
        description = ""
    allow = _rules(members.get("allow", []), "/allow", wrong, denying=False)
    deny = _rules(members.get("deny", []), "/deny", wrong, denying=True)
    if not (allow or deny or wrong):
        wrong.append(Violation("", "a role needs an allow or a deny"))
    raise_all(wrong)
    return Role(allow, deny, description)


def members_of(value: Any, known: Sequence[str], wrong: list[Violation]) -> Mapping[str, Any]:
    """An object's members; what is wrong with it is added to the list."""
    if not isinstance(value, dict):
        wrong.append(Violation("", "must be an object"))
        return {}
    unknown = [str(name) for name in value if name not in known]
    wrong += [Violation(f"/{shorten(name)[1:-1]}", "is not known here") for name in unknown]
    return value


def raise_all(wrong: Sequence[Violation]) -> None:
    """Raises SchemaError where anything is wrong."""
    if wrong:
        first = wrong[0]
        where = f"{first.pointer} " if first.pointer else ""
        raise SchemaError(f"{where}{first.detail}", errors=tuple(wrong))


def _rules(value: Any, at: str, wrong: list[Violation], *, denying: bool) -> tuple[Rule, ...]:
    if not isinstance(value, list) or len(value) > limits.ROLE_RULES:
        wrong.append(Violation(at, f"must be a list of at most {limits.ROLE_RULES} rules"))
        return ()
    return tuple(
        _rule(each, f"{at}/{place}", wrong, denying=denying) for place, each in enumerate(value)
    )


def _rule(value: Any, at: str, wrong: list[Violation], *, denying: bool) -> Rule:
    if not isinstance(value, dict) or value.keys() != {"verbs", "namespaces"}:
        wrong.append(Violation(at, "must be an object of verbs and namespaces"))
        return Rule((), ())
    verbs = value["verbs"]
    if not isinstance(verbs, list) or not verbs or not all(_is_verb(each) for each in verbs):
        wrong.append(Violation(f"{at}/verbs", f"must be a list of some of {_VERBS}"))
        verbs = []
    names = value["namespaces"]
    if not isinstance(names, list) or not 0 < len(names) <= limits.ROLE_NAMESPACES:
        detail = f"must be a list of 1 to {limits.ROLE_NAMESPACES} namespace patterns"
        wrong.append(Violation(f"{at}/namespaces", detail))
        names = []
    only_read = set(verbs) <= {Verb.READ}
    templates = [
        _template(each, f"{at}/namespaces/{place}", wrong, may_reserve=denying or only_read)
        for place, each in enumerate(names)
    ]
    return Rule(tuple(dict.fromkeys(map(Verb, verbs))), tuple(t for t in templates if t))


def _is_verb(value: Any) -> bool:
    return isinstance(value, str) and value in set(Verb)


def _template(value: Any, at: str, wrong: list[Violation], *, may_reserve: bool) -> Template | None:
    if not isinstance(value, str):
        wrong.append(Violation(at, "must be text"))
        return None
    try:
        template = Template.parse(value)
    except InvalidKeyError as error:
        wrong.append(Violation(at, error.detail))
        return None
    if template.reserved and not may_reserve:
        wrong.append(
            Violation(at, "only the role admin does more than read in reserved namespaces")
        )
        return None
    return template


def _rule_view(rule: Rule) -> dict[str, Any]:
    return {
        "verbs": [verb.value for verb in rule.verbs],
        "namespaces": [each.text for each in rule.namespaces],
    }
