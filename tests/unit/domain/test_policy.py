"""What a principal may do: roles grant, scopes narrow, reserved namespaces need more."""

import hashlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.domain import policy
from backstory.domain.keys import EVERYWHERE, NamespacePattern, check_namespace
from backstory.domain.policy import Decision, Permission, Verb, Visibility
from backstory.domain.principals import ANONYMOUS, Principal, segment_of
from backstory.storage.ranges import ranges

READ, WRITE, INSTRUCT, ADMIN = Verb
NAMESPACES = ["a", "users", "users.42", "users.42.notes", "users.421", "users.7", "_system.kinds"]


def who(*roles, scope=None, subject="42", client=None):
    scopes = None if scope is None else frozenset(scope.split())
    return Principal("acme", subject, frozenset(roles), scopes=scopes, client=client)


@pytest.mark.parametrize(
    ("role", "verb", "namespace", "decision"),
    [
        ("admin", ADMIN, "_system.roles", Decision.ALLOWED),
        ("editor", WRITE, "users.7", Decision.ALLOWED),
        ("editor", READ, "_system.kinds", Decision.ALLOWED),
        ("editor", WRITE, "_system.kinds", Decision.REFUSED),
        ("editor", INSTRUCT, "users.7", Decision.REFUSED),
        ("reader", WRITE, "users.7", Decision.REFUSED),
        ("member", WRITE, "users.42", Decision.ALLOWED),
        ("member", INSTRUCT, "users.42.deep.er", Decision.ALLOWED),
        ("member", READ, "users.421", Decision.UNSEEN),
        ("member", READ, "users", Decision.UNSEEN),
        ("member", READ, "_system.kinds", Decision.UNSEEN),
        ("member", ADMIN, "users.42", Decision.REFUSED),
        ("stranger", READ, "users.42", Decision.UNSEEN),
    ],
)
def test_a_role_grants_what_the_contract_says(role, verb, namespace, decision):
    assert policy.decide(who(role), verb, namespace) is decision


@pytest.mark.parametrize(
    ("scope", "verb", "decision"),
    [
        ("context:read", READ, Decision.ALLOWED),
        ("context:read", WRITE, Decision.NARROW),
        ("context:write", READ, Decision.NARROW),
        ("context:write", INSTRUCT, Decision.ALLOWED),
        ("context:admin", READ, Decision.ALLOWED),
        ("context:admin", ADMIN, Decision.ALLOWED),
        ("context:read:users.42.* openid", READ, Decision.ALLOWED),
        ("context:read:users.42", READ, Decision.ALLOWED),
        ("context:read:users.7.*", READ, Decision.NARROW),
        ("", READ, Decision.NARROW),
        ("openid profile", READ, Decision.NARROW),
        ("context:", READ, Decision.NARROW),
        ("context:read:", READ, Decision.NARROW),
        ("context:read:UPPER", READ, Decision.NARROW),
        ("context:read:users.*.x", READ, Decision.NARROW),
        ("context:everything", READ, Decision.NARROW),
        ("read", READ, Decision.NARROW),
    ],
)
def test_a_scope_narrows_what_roles_grant(scope, verb, decision):
    assert policy.decide(who("admin", scope=scope), verb, "users.42") is decision


def test_a_scope_grants_nothing_by_itself():
    everything = "context:read context:write context:admin"
    assert policy.decide(who(scope=everything), READ, "users.42") is Decision.UNSEEN
    assert policy.decide(who("reader", scope=everything), WRITE, "a") is Decision.REFUSED
    assert policy.permissions(ANONYMOUS) == ()


def test_rights_of_several_roles_add_up():
    both = who("reader", "member")
    assert policy.allows(both, WRITE, "users.42")
    assert policy.decide(both, WRITE, "users.7") is Decision.REFUSED


def test_a_machine_is_at_home_among_the_clients():
    machine = who("member", subject="billing_bot", client="billing_bot")
    assert str(policy.own_namespace(machine)) == "clients.billing_5fbot.*"
    user = who("member", subject="ada", client="billing_bot")
    assert str(policy.own_namespace(user)) == "users.ada.*"


@pytest.mark.parametrize(
    ("subject", "segment"),
    [
        ("ada-7", "ada-7"),
        ("Ada", "_41da"),
        ("a_b", "a_5fb"),
        ("a.b/c", "a_2eb_2fc"),
        ("ä", "_c3_a4"),
        ("a" * 100, "a" * 100),
        ("a" * 101, "_h" + hashlib.sha256(b"a" * 101).hexdigest()),
        ("." * 34, "_h" + hashlib.sha256(b"." * 34).hexdigest()),
    ],
)
def test_a_subject_becomes_one_segment(subject, segment):
    assert segment_of(subject) == segment


@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60))
def test_no_two_subjects_share_a_namespace(one, other):
    assert (segment_of(one) == segment_of(other)) == (one == other)
    assert check_namespace(f"users.{segment_of(one)}")


patterns = st.sampled_from(["*", "users", "users.*", "users.42", "users.42.*", "_system.*", "a"])
permission = st.builds(
    Permission, st.sampled_from(Verb), patterns.map(NamespacePattern.parse), st.booleans()
)
scopes = st.none() | st.frozensets(
    st.builds(
        lambda verb, pattern: f"context:{verb}{pattern}",
        st.sampled_from(["read", "write", "admin"]),
        st.just("") | patterns.map(lambda text: f":{text}"),
    )
)


@given(st.lists(permission, max_size=4), scopes, st.none() | patterns)
def test_lists_show_exactly_what_may_be_read(held, scope, asked):
    """Whatever is granted: what is visible, its ranges in an index, and reading agree."""
    policy._ROLES["made-up"] = tuple(held)
    policy._narrowed.cache_clear()
    try:
        principal = Principal("acme", "42", frozenset({"made-up"}), scopes=scope)
        within = None if asked is None else NamespacePattern.parse(asked)
        visible = policy.visibility(principal, within)
        found = ranges(visible)
        for namespace in NAMESPACES:
            readable = policy.allows(principal, READ, namespace)
            expected = readable and (within is None or within.matches(namespace))
            assert visible.shows(namespace) == expected
            assert any(low <= namespace < high for low, high in found) == expected
    finally:
        del policy._ROLES["made-up"]
        policy._narrowed.cache_clear()


def test_everything_without_reserved_namespaces_is_not_everything():
    visible = Visibility((EVERYWHERE,), reserved=False)
    assert not visible.everything
    assert visible.shows("users.42")
    assert not visible.shows("_system.kinds")
    assert visible.within(NamespacePattern.parse("_system.*")).patterns == ()
    assert string.ascii_lowercase[-1] < ranges(visible)[-1][1]


def test_a_scope_that_shows_nothing_of_what_a_role_would_is_told_apart():
    narrow = who("editor", scope="context:read:users.42.*")
    assert not policy.hidden_by_scope(narrow)
    assert not policy.hidden_by_scope(narrow, NamespacePattern.parse("users.*"))
    assert policy.hidden_by_scope(narrow, NamespacePattern.parse("users.7"))
    assert policy.hidden_by_scope(who("editor", scope="context:write"))
    assert not policy.hidden_by_scope(who(scope="context:write"))
