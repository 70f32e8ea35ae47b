"""A copy of this machine that nothing survives: an overlay of its files, in namespaces of its own."""

import contextlib
import os
import shlex
import shutil
import subprocess
import uuid

import pytest

SECONDS = 120

# Nothing of it is seen outside: the mounts are those of the shell's own namespace, and with it
# they and all that was started go.
_ENTER = """set -e
mount -t tmpfs none {folder}
mkdir {folder}/upper {folder}/work {folder}/root
mount -t overlay overlay -o lowerdir=/,upperdir={folder}/upper,workdir={folder}/work {folder}/root
mount --rbind /dev {folder}/root/dev
mount -t proc proc {folder}/root/proc
mkdir -p {folder}/root/run {folder}/root/tmp
mount -t tmpfs none {folder}/root/run
mount -t tmpfs none {folder}/root/tmp
{copies}
exec chroot {folder}/root /bin/bash
"""


class OtherRoot:
    """A shell of root's in it. `do` has one command done there."""

    def __init__(self, folder, *files):
        self._shell = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "/bin/bash"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        copies = "\n".join(f"cp {shlex.quote(str(each))} {folder}/root/" for each in files)
        self._shell.stdin.write(_ENTER.format(folder=folder, copies=copies))
        self._shell.stdin.flush()

    def do(self, command):
        """What it prints, and its exit code."""
        end = uuid.uuid4().hex
        self._shell.stdin.write(f"cd /\n{command}\nprintf '\\n%s %s\\n' {end} $?\n")
        self._shell.stdin.flush()
        printed = []
        for line in self._shell.stdout:
            if line.startswith(end):
                return "".join(printed).rstrip("\n"), int(line.split()[1])
            printed.append(line)
        raise AssertionError(f"the shell has ended: {''.join(printed)}")

    def close(self):
        self._shell.kill()
        self._shell.wait(SECONDS)
        self._shell.stdin.close()
        self._shell.stdout.close()


@contextlib.contextmanager
def other_root(folder, *files):
    """One with copies of some files in its root; the test is skipped where there cannot be one."""
    if os.getuid() != 0 or shutil.which("unshare") is None or shutil.which("chroot") is None:
        pytest.skip("only root may make another root, with unshare and chroot")
    place = folder / "machine"
    place.mkdir()
    root = OtherRoot(place, *files)
    try:
        try:
            root.do("true")
        except (AssertionError, BrokenPipeError) as error:
            pytest.skip(f"this machine lets nobody mount an overlay of itself: {error}")
        yield root
    finally:
        root.close()
