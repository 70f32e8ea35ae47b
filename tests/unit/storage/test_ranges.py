"""Visibility as ranges of an index means what it means in the domain."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from backstory.domain.keys import EVERYWHERE, NamespacePattern
from backstory.domain.policy import Visibility
from backstory.storage.ranges import ranges

names = st.text("a0-_", min_size=1, max_size=2)
namespaces = st.lists(names, min_size=1, max_size=3).map(".".join)
patterns = st.builds(NamespacePattern, namespaces, st.booleans()) | st.just(EVERYWHERE)


@given(st.lists(patterns, max_size=4).map(tuple), namespaces)
def test_a_namespace_is_in_a_range_exactly_when_it_is_visible(visible, namespace):
    visibility = Visibility(visible)
    found = [low <= namespace < high for low, high in ranges(visibility)]
    assert found.count(True) == (1 if visibility.shows(namespace) else 0)


@given(st.lists(patterns, max_size=4).map(tuple))
def test_ranges_are_in_order_and_apart(visible):
    found = ranges(Visibility(visible))
    assert all(low < high for low, high in found)
    assert all(high < low for (_, high), (low, _) in pairwise(found))
