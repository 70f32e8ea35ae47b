"""A real PostgreSQL for the tests: started as an unprivileged user, stopped at the end."""

import os
import pwd
import select
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg

PLAIN = "plain"  # a role that owns a store, and may nothing else
STANDBY = "standby"  # by which a primary knows the one that copies it
MISSING = "PostgreSQL is not installed: `apt-get install postgresql`, or put initdb on the PATH"
_MEMORY = Path("/dev/shm")
_ROOM = 512 * 2**20
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "150",
    "shared_buffers": "32MB",
    "max_wal_size": "128MB",
    "autovacuum": "off",
    "log_min_messages": "warning",
    "timezone": "UTC",
}


def sees_all(url):
    """A connection that says that it is about all tenants, as row-level security wants it."""
    return asyncpg.connect(url, server_settings={"backstory.tenant": "*"})


def programs():
    """The folder of PostgreSQL's programs, None where it is not installed."""
    folders = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(folders, key=lambda path: float(path.parts[-3]), default=None)
    found = newest or shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Server:
    """One cluster in a folder of its own, which can be stopped and started."""

    def __init__(self, bin_folder, folder, port, **settings):
        self.bin, self.folder, self.port = bin_folder, folder, port
        self.settings = _SETTINGS | settings
        self.user = _unprivileged()

    def url(self, database="postgres", user="backstory", **more):
        """As the superuser, whom no row-level security concerns, unless another is named."""
        query = "&".join(f"{name}={value}" for name, value in more.items())
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}{query and '?' + query}"

    def make(self):
        os.chown(self.folder, *self.user)
        self.run(
            "initdb", "-D", self.data, "-U", "backstory", "-A", "trust", "-E", "UTF8",
            "--locale=C", "--no-sync", "--wal-segsize=4",
        )  # fmt: skip

    @property
    def data(self):
        return str(self.folder / "data")

    def start(self):
        options = " ".join(f"-c {name}={value}" for name, value in self.settings.items())
        self.run(
            "pg_ctl", "-D", self.data, "-w", "-t", "60", "-l", str(self.folder / "log"),
            "-o", f"-p {self.port} -k {self.folder} {options}", "start",
        )  # fmt: skip

    def stop(self, mode="fast"):
        self.run("pg_ctl", "-D", self.data, "-w", "-m", mode, "stop")

    def kill(self):
        """All of its processes at once, as the machine's end would."""
        pid = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        family = [os.pidfd_open(one) for one in (pid, *map(int, children))]
        for one in family:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(one, signal.SIGKILL)
        for one in family:
            assert select.select([one], [], [], 60)[0], "PostgreSQL does not end"
            os.close(one)
        # Its number may be in use until somebody has asked for its exit code.
        for left in (self.folder / "data" / "postmaster.pid", *self.folder.glob(".s.PGSQL*")):
            left.unlink(missing_ok=True)

    def copy(self, origin, port):
        """Become a standby of another server, reached through a port; to be started."""
        os.chown(self.folder, *self.user)
        where = f"host=127.0.0.1 port={port} user=backstory application_name={STANDBY}"
        self.run("pg_basebackup", "-D", self.data, "-d", where, "-R", "-c", "fast", "--no-sync")
        assert origin.settings == self.settings

    def promote(self):
        self.run("pg_ctl", "-D", self.data, "-w", "-t", "60", "promote")

    def run(self, program, *arguments):
        done = subprocess.run(
            [str(self.bin / program), *arguments],
            cwd=self.folder,
            user=self.user[0],
            group=self.user[1],
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        ) if os.getuid() == 0 else subprocess.run(
            [str(self.bin / program), *arguments],
            cwd=self.folder, capture_output=True, text=True, check=False, timeout=90,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    async def do(self, *statements, database="postgres"):
        """Run statements, each on its own, as the owner of everything."""
        connection = await asyncpg.connect(self.url(database))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


def _unprivileged():
    """Whom the server runs as: PostgreSQL refuses root."""
    if os.getuid() != 0:
        return os.getuid(), os.getgid()
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return found.pw_uid, found.pw_gid
    raise AssertionError("there is neither a user postgres nor a user nobody")


@contextmanager
def running(*, on_disk=False, **settings):
    """A server of its own, in memory where there is room; None where it is not installed."""
    bin_folder = programs()
    if bin_folder is None:
        yield None
        return
    with _placed(bin_folder, on_disk=on_disk, **settings) as server:
        server.make()
        server.start()
        yield server


@contextmanager
def standing_by(origin, port=None):
    """A standby of another server, which it reaches through `port` if one is given."""
    with _placed(origin.bin, on_disk=False, **origin.settings) as server:
        server.copy(origin, port or origin.port)
        server.start()
        yield server


@contextmanager
def copied_from(origin):
    """A base backup of another server, to be started: no standby."""
    with _placed(origin.bin, on_disk=False, **origin.settings) as server:
        os.chown(server.folder, *server.user)
        where = f"host=127.0.0.1 port={origin.port} user=backstory"
        server.run("pg_basebackup", "-D", server.data, "-d", where, "-c", "fast", "--no-sync")
        yield server


@contextmanager
def _placed(bin_folder, *, on_disk, **settings):
    roomy = not on_disk and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM
    folder = Path(tempfile.mkdtemp(prefix="backstory-pg-", dir=_MEMORY if roomy else None))
    server = Server(bin_folder, folder, free_port(), **settings)
    try:
        yield server
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            server.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(server, name):
    """An empty database on a server; the address of the server."""
    where = ("-h", "127.0.0.1", "-p", str(server.port), "-U", "backstory")
    server.run("createdb", *where, name)
    yield f"127.0.0.1:{server.port}"
    server.run("dropdb", *where, "--force", name)
