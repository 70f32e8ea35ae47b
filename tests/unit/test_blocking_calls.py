"""The detector of blocking calls: without it, one slow call stops every request unseen."""

import fcntl
import socket
import sqlite3
import time

import anyio.to_thread
import pytest

from blocking_calls import BlockingCallError


async def test_a_sleep_in_the_event_loop_fails():
    with pytest.raises(BlockingCallError, match=r"time.sleep blocks the event loop"):
        time.sleep(0)  # noqa: ASYNC251 -- the very thing that must not happen


async def test_a_name_look_up_in_the_event_loop_fails():
    with pytest.raises(BlockingCallError):
        socket.getaddrinfo("localhost", 80)


async def test_a_database_opened_in_the_event_loop_fails():
    with pytest.raises(BlockingCallError):
        sqlite3.connect(":memory:")


async def test_waiting_for_a_file_lock_in_the_event_loop_fails_and_trying_it_does_not(tmp_path):
    with (tmp_path / "lock").open("w") as file:
        with pytest.raises(BlockingCallError):
            fcntl.flock(file, fcntl.LOCK_EX)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


async def test_a_thread_may_block():
    await anyio.to_thread.run_sync(time.sleep, 0)


def test_code_without_a_loop_may_block():
    time.sleep(0)
