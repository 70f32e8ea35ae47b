"""The checker of histories finds what must not be, and nothing else."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.testing.histories import (
    Fault,
    History,
    Kept,
    Outcome,
    Read,
    Truth,
    Watch,
    Write,
    check,
)

LOG, COUNTER = "team/log", "team/counter"
DONE, REFUSED, UNKNOWN = Outcome.DONE, Outcome.REFUSED, Outcome.UNKNOWN


def write(token, begun, ended, version, context=LOG, *, process="w", outcome=DONE, **more):
    if context == LOG and version is not None:
        more.setdefault("seq", version - 1)
    return Write(process, context, token, begun, ended, outcome, version, **more)


def good():
    """Three entries, two of them in one commit with a count; somebody reads and watches."""
    truth = {
        LOG: Truth((Kept(1), Kept(2, ("a",), (1,)), Kept(3, ("b",), (2,)), Kept(4, ("c",), (3,)))),
        COUNTER: Truth((Kept(1), Kept(2, ("b+",)), Kept(3, ("d",))), count=2),
    }
    stream = ((LOG, 1), (COUNTER, 1), (LOG, 2), (LOG, 3), (COUNTER, 2), (LOG, 4), (COUNTER, 3))
    return History(
        truth,
        stream,
        (
            write("a", 1, 2, 2),
            write("b", 3, 5, 3, commit="one"),
            write("b+", 3, 5, 2, COUNTER, commit="one"),
            write("c", 3.5, 6, 4, process="x", attempts=(UNKNOWN, DONE), replayed=True),
            write("d", 7, 8, 3, COUNTER, condition=2),
            write("never", 7, 8, None, process="x", outcome=REFUSED),
            write("perhaps", 9, 9, None, process="x", outcome=UNKNOWN),
        ),
        (
            Read("r", LOG, 0, 0.5, 1, None),
            Read("r", LOG, 1.5, 2.5, 2, "a"),
            Read("r", LOG, 4, 4.5, 3, "b"),
            Read("s", LOG, 4.1, 4.2, 2, "a"),
            Read("r", LOG, 9, 10, 2, "a", stale=True),
            Read("r", COUNTER, 9, 10, 3, "d"),
        ),
        (Watch("one", 0, stream), Watch("late", 3, stream[3:])),
    )


def test_what_may_happen_passes():
    assert check(good()) == ()


def changed(name, at, **members):
    """The good history with one event changed."""
    history = good()
    events = list(getattr(history, name))
    events[at] = replace(events[at], **members)
    return replace(history, **{name: tuple(events)})


def kept(context, *versions, count=None):
    history = good()
    truth = replace(history.truth[context], versions=versions)
    if count is not None:
        truth = replace(truth, count=count)
    return replace(history, truth={**history.truth, context: truth})


ONE, A, B, C = Kept(1), Kept(2, ("a",), (1,)), Kept(3, ("b",), (2,)), Kept(4, ("c",), (3,))
STREAM = good().stream

WRONG = {
    "an acknowledged write is gone": (kept(LOG, ONE, A, B), {Fault.LOST}),
    "it is at another seq": (
        kept(LOG, ONE, A, replace(B, tokens=("c",)), replace(C, tokens=("b",))),
        {Fault.LOST},
    ),
    "a write is there twice": (
        kept(LOG, ONE, A, B, C, Kept(5, ("a",), (4,))),
        {Fault.TWICE},
    ),
    "it is twice in one version": (
        kept(LOG, ONE, A, B, Kept(4, ("c", "c"), (3, 4))),
        {Fault.TWICE},
    ),
    "a version is missing": (kept(LOG, ONE, A, B, replace(C, version=5)), {Fault.GAP}),
    "versions are out of order": (kept(LOG, ONE, B, A, C), {Fault.GAP}),
    "a seq is missing": (kept(LOG, ONE, A, B, replace(C, seqs=(4,))), {Fault.GAP}),
    "a refused write is there": (
        kept(LOG, ONE, A, B, C, Kept(5, ("never",), (4,))),
        {Fault.INVENTED},
    ),
    "something is there that nobody wrote": (
        kept(LOG, ONE, A, B, C, Kept(5, ("who?",), (4,))),
        {Fault.INVENTED},
    ),
    "an attempt that was refused had written": (
        changed("writes", 3, attempts=(REFUSED, DONE)),
        {Fault.INVENTED},
    ),
    "half of a commit is there": (
        kept(COUNTER, Kept(1), Kept(2), Kept(3, ("d",))),
        {Fault.TORN, Fault.LOST},
    ),
    "the count is not what was accepted": (
        replace(
            good(),
            truth={**good().truth, COUNTER: replace(good().truth[COUNTER], count=1)},
        ),
        {Fault.UNEQUAL},
    ),
    "a condition did not hold": (changed("writes", 4, condition=1), {Fault.UNEQUAL}),
    "a session's read goes back": (
        changed("reads", 2, begun=2.6, ended=2.9, version=1, newest=None),
        {Fault.BACK},
    ),
    "a read misses an acknowledged write": (
        changed("reads", 3, begun=5.5, ended=5.7),
        {Fault.STALE},
    ),
    "a read misses what another read saw": (
        changed("reads", 3, begun=4.6, ended=4.7),
        {Fault.STALE},
    ),
    "a read shows what never was": (changed("reads", 2, newest="x"), {Fault.WRONG}),
    "a stale read shows what never was": (changed("reads", 4, newest="c"), {Fault.WRONG}),
    "a read shows a version that never was": (changed("reads", 2, version=9), {Fault.WRONG}),
    "a write was seen before it began": (
        changed("reads", 0, version=2, newest="a"),
        {Fault.DISORDERED},
    ),
    "a later write took effect earlier": (
        changed("writes", 3, begun=0, ended=0.5),
        {Fault.DISORDERED},
    ),
    "a watcher missed one": (
        changed("watches", 0, changes=STREAM[:4] + STREAM[5:]),
        {Fault.MISSED},
    ),
    "a watcher missed the last": (changed("watches", 0, changes=STREAM[:-1]), {Fault.MISSED}),
    "a watcher heard one twice": (
        changed("watches", 1, changes=(STREAM[3], *STREAM[3:])),
        {Fault.REPEATED},
    ),
    "a watcher heard in another order": (
        changed("watches", 0, changes=(*STREAM[:5], STREAM[6], STREAM[5])),
        {Fault.SHUFFLED},
    ),
    "a watcher heard of what never was": (
        changed("watches", 0, changes=(*STREAM, (LOG, 99))),
        {Fault.INVENTED},
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_must_not_be_is_found(what):
    history, faults = WRONG[what]
    found = check(history)
    assert faults <= {finding.fault for finding in found}, [str(one) for one in found]
    assert all(finding.fault.value in str(finding) for finding in found)


class Store:
    """Any interleaving of what callers may do with a store that is right, step by step."""

    def __init__(self):
        self.now = 0.0
        self.truth = {LOG: [Kept(1)], COUNTER: [Kept(1)]}
        self.stream = [(LOG, 1), (COUNTER, 1)]
        self.writes, self.reads, self.open = [], [], {}

    def begin(self, process, what, context):
        self.now += 1
        self.open.setdefault(process, [what, context, self.now, None])

    def effect(self, process):
        """The one moment at which it happens."""
        what, context, _, happened = self.open.get(process, (None, None, 0, True))
        if happened is not None:
            return
        versions = self.truth[context]
        if what == "write":
            seqs = (len(versions),) if context == LOG else ()
            token = f"{process}{self.now}"
            self.now += 1
            versions.append(Kept(len(versions) + 1, (token,), seqs))
            self.stream.append((context, len(versions)))
        newest = next((kept.tokens[0] for kept in versions[::-1] if kept.tokens), None)
        self.open[process][3] = versions[-1], newest

    def end(self, process, known):
        self.now += 1
        what, context, begun, happened = self.open.get(process, (None, None, 0, None))
        if happened is None:
            return
        del self.open[process]
        version, newest = happened
        if what == "read":
            self.reads.append(Read(process, context, begun, self.now, version.version, newest))
            return
        seq = version.seqs[0] if version.seqs else None
        done = write(newest, begun, self.now, version.version, context, process=process, seq=seq)
        lost = replace(done, outcome=UNKNOWN, version=None, seq=None)
        self.writes.append(done if known else lost)

    def history(self):
        for process in list(self.open):
            self.effect(process)
            self.end(process, known=True)
        count = len(self.truth[COUNTER]) - 1
        truth = {
            LOG: Truth(tuple(self.truth[LOG])),
            COUNTER: Truth(tuple(self.truth[COUNTER]), count),
        }
        stream = tuple(self.stream)
        watches = (Watch("all", 0, stream), Watch("late", 2, stream[2:]))
        return History(truth, stream, tuple(self.writes), tuple(self.reads), watches)


PROCESSES = st.sampled_from("abcd")
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("begin"),
            PROCESSES,
            st.sampled_from(["write", "read"]),
            st.sampled_from([LOG, COUNTER]),
        ),
        st.tuples(st.just("effect"), PROCESSES),
        st.tuples(st.just("end"), PROCESSES, st.booleans()),
    ),
    max_size=80,
)


def played(steps):
    store = Store()
    for name, *arguments in steps:
        getattr(store, name)(*arguments)
    return store.history()


@given(STEPS)
def test_any_interleaving_on_a_right_store_passes(steps):
    assert check(played(steps)) == ()


@given(STEPS, st.data())
def test_whatever_acknowledged_write_is_taken_out_is_missed(steps, data):
    history = played(steps)
    done = [one for one in history.writes if one.outcome is DONE]
    if not done:
        return
    lost = data.draw(st.sampled_from(done))
    versions = tuple(
        replace(one, tokens=(), seqs=()) if lost.token in one.tokens else one
        for one in history.truth[lost.context].versions
    )
    truth = replace(history.truth[lost.context], versions=versions)
    found = check(replace(history, truth={**history.truth, lost.context: truth}))
    assert Fault.LOST in {finding.fault for finding in found}
