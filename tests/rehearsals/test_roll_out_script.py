"""`deploy/haproxy/roll-out` gives everything back, however it ends."""

import os
import signal
from types import SimpleNamespace

import pytest

from rehearsals.rolling import Roll, behind_haproxy
from serving import SECONDS, until


@pytest.fixture
def roll():
    """One whose nodes are away: HAProxy is told weights all the same."""
    nodes = [SimpleNamespace(address=f"127.0.0.1:{port}") for port in (1, 2)]
    with behind_haproxy(nodes) as balancer:
        one = Roll(*nodes, balancer, None)
        one.weights(100, 0)
        yield one


def ended(process):
    """Its exit code and what it said."""
    with process:
        said, errors = process.communicate(timeout=SECONDS)
    return process.returncode, said, errors


def test_a_wrong_option_ends_it(roll):
    code, said, errors = ended(roll.begun("--window", "soon", PAUSE="0"))
    assert (code, roll.shares()) == (2, [100, 0])
    assert said.splitlines() == [f"the new version gets {share} of 100" for share in (10, 0)]
    assert "soon is no duration" in errors


def test_what_nobody_can_decide_ends_undecided(roll):
    nowhere = ("--prometheus", "http://127.0.0.1:1", "--old", "a='b'", "--new", "a='c'")
    code, said, _ = ended(roll.begun(*nowhere, PAUSE="0", LOOKS="2"))
    assert (code, roll.shares()) == (3, [100, 0])
    assert said.splitlines().count("wait") == 2


def test_a_server_that_haproxy_does_not_know_is_told(roll):
    code, _, errors = ended(roll.begun(NEW="node9"))
    assert (code, roll.shares()) == (1, [100, 0])
    assert "error: HAProxy says: No such server." in errors


def test_a_socket_that_is_not_there_is_told(roll):
    code, said, errors = ended(roll.begun(ADMIN="/nowhere/admin.sock"))
    assert (code, said) == (1, "")
    assert "/nowhere/admin.sock" in errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_that_is_stopped_gives_everything_back(roll, number):
    process = roll.begun("--window", "1m", PAUSE="600")
    until(lambda: roll.shares() == [90, 10], "the first step")
    os.killpg(process.pid, number)
    code, said, _ = ended(process)
    assert code != 0
    assert (said.splitlines()[-1], roll.shares()) == ("the new version gets 0 of 100", [100, 0])
