"""Whatever roles, bindings, denials and scopes a caller has: lists and single decisions agree."""

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.domain import explaining, policy, roles
from backstory.domain.keys import NamespacePattern
from backstory.domain.permissions import KEPT_RIGHTS, Bound, Verb
from backstory.domain.policy import Decision
from backstory.domain.principals import Principal
from backstory.storage.ranges import ranges

NAMESPACES = [
    "a",
    "a-b",
    "a.b",
    "a.b.c",
    "a.bc",
    "ab",
    "users.ada",
    "users.ada.notes",
    "users._41da",
    "teams.staff",
    "teams.staff.x",
    "clients.cli",
    "_system.roles",
    "_system.bindings",
    "_system.bindings.x",
    "_system.kinds",
    "_x",
]
templates = st.sampled_from(
    ["*", "a", "a.*", "a.b.*", "a.b", "ab", "users.*", "users.{sub}.*", "teams.{group}.*",
     "clients.{client_id}", "a.{tenant}", "_system.*", "_system.roles", "_system.kinds", "_x.*"]
)  # fmt: skip
verbs = st.lists(st.sampled_from(["read", "write", "instruct", "admin"]), min_size=1, max_size=3)
rules = st.lists(
    st.fixed_dictionaries(
        {"verbs": verbs, "namespaces": st.lists(templates, min_size=1, max_size=3)}
    ),
    max_size=3,
)
plain = st.sampled_from(["*", "a", "a.*", "a.b.*", "users.ada.*", "_system.*", "_system.roles"])
scopes = st.none() | st.frozensets(
    st.builds(
        lambda verb, pattern: f"context:{verb}{pattern}",
        st.sampled_from(["read", "write", "admin"]),
        st.just("") | plain.map(lambda text: f":{text}"),
    ),
    max_size=3,
)


@st.composite
def principals(draw):
    """A caller with roles of its token, roles bound to it, and denials; `Bound` as it is read."""
    base = Principal(
        "acme",
        draw(st.sampled_from(["ada", "Ada"])),
        draw(st.frozensets(st.sampled_from(["admin", "editor", "reader", "member"]), max_size=2)),
        scopes=draw(scopes),
        client=draw(st.sampled_from(["cli", None])),
        groups=draw(st.frozensets(st.sampled_from(["staff", "ops"]))),
    )
    allow, deny = [], []
    for name in draw(st.lists(st.sampled_from(["one", "two"]), max_size=2, unique=True)):
        role = _role(draw(rules), draw(rules))
        if role is not None:
            allowed, denied = roles.grants(name, role, "subjects/x", roles.variables_of(base))
            allow, deny = allow + allowed, deny + denied
    built_in = draw(st.lists(st.sampled_from(["admin", "reader", "member"]), max_size=1))
    bound = Bound(tuple((role, "subjects/x") for role in built_in), tuple(allow), tuple(deny))
    return policy.with_rights(base, bound)


def _role(allow, deny):
    """As it comes out of the store; None where it would have been refused."""
    try:
        return roles.read(orjson.loads(orjson.dumps({"allow": allow, "deny": deny})))
    except roles.SchemaError:
        return None


@settings(max_examples=200, deadline=None)
@given(principals(), st.none() | plain)
def test_lists_show_exactly_what_may_be_read(principal, asked):
    within = None if asked is None else NamespacePattern.parse(asked)
    visible = policy.visibility(principal, within)
    found = ranges(visible)
    assert found == tuple(sorted(found))
    for namespace in NAMESPACES:
        readable = policy.allows(principal, Verb.READ, namespace)
        expected = readable and (within is None or within.matches(namespace))
        assert visible.shows(namespace) == expected
        assert any(low <= namespace < high for low, high in found) == expected
    if visible.everything:
        assert all(map(visible.shows, NAMESPACES))
    if not visible.patterns:
        assert not any(map(visible.shows, NAMESPACES))


@settings(max_examples=200, deadline=None)
@given(principals(), st.sampled_from(Verb), st.sampled_from(NAMESPACES))
def test_a_decision_is_what_its_grants_denials_and_scope_say(principal, verb, namespace):
    """Said a second time, one grant after the other, without any of what makes deciding fast."""
    rights = principal.rights

    def taken(verb):
        kept = rights.steadfast and any(each.matches(namespace) for each in KEPT_RIGHTS)
        return not kept and any(each.permission.covers(verb, namespace) for each in rights.denied)

    def granted(verb):
        return any(each.permission.covers(verb, namespace) for each in rights.held) and not taken(
            verb
        )

    narrowed = any(each.covers(verb, namespace) for each in rights.allowed)
    if narrowed and not taken(verb):
        expected = Decision.ALLOWED
    elif principal.scopes is not None and granted(verb):
        expected = Decision.NARROW
    else:
        expected = Decision.REFUSED if granted(Verb.READ) else Decision.UNSEEN
    assert policy.decide(principal, verb, namespace) is expected
    told = explaining.explain(principal, verb, namespace)
    assert told.decision is expected
    if expected is Decision.ALLOWED:
        assert told.granted
        assert not told.denied
        assert told.scopes is None or told.scopes
    elif expected is Decision.NARROW:
        assert told.granted
        assert not told.scopes


@settings(max_examples=100, deadline=None)
@given(principals(), st.sampled_from(NAMESPACES))
def test_nobody_gets_beyond_what_a_tenant_may_give(principal, namespace):
    """A role of one's own never writes in reserved namespaces; a denied read denies everything."""
    admin = principal.rights.steadfast
    if namespace.startswith("_") and not admin:
        for verb in (Verb.WRITE, Verb.INSTRUCT, Verb.ADMIN):
            assert not policy.allows(principal, verb, namespace)
    if principal.rights.denies(Verb.READ, namespace):
        assert policy.decide(principal, Verb.WRITE, namespace) is Decision.UNSEEN
    if admin and principal.scopes is None:
        assert policy.allows(principal, Verb.ADMIN, "_system.roles")
