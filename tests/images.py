"""The container image, built by `make image` on a base of our own.

Nothing here needs a daemon or a registry: the base is made of the system's packages under the
official one's name, and buildah builds in a chroot.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from serving import SECONDS

ROOT = Path(__file__).resolve().parents[1]
BASE = "localhost/debian:bookworm-slim"
NEEDED = ("buildah", "mmdebstrap", "unshare", "nsenter", "chroot")
UNSHARE = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
BUILD_SECONDS = 600  # it takes 40 of a processor, and more where others want it as well
# What the network, the registry or the kernel of this machine say, and no mistake of ours.
SURROUNDINGS = re.compile(
    r"Failed to fetch|Temporary failure|Could not resolve|Could not connect|Could not fetch URL"
    r"|Connection (?:reset|timed|refused)|Read timed out|No space left|operation not permitted"
    r"|CERTIFICATE_VERIFY_FAILED|mount/unshare|fork/exec|cannot allocate memory",
    re.IGNORECASE,
)


class UnavailableError(Exception):
    """Images cannot be built on this machine, for a reason that is none of ours."""


def say(command, seconds=SECONDS, **variables):
    """What a command prints; it fails like a test where the command does."""
    done = run(command, seconds, **variables)
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
    return done.stdout.strip()


def run(command, seconds=SECONDS, **variables):
    return subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
        stdin=subprocess.DEVNULL,
        env=os.environ | {name: str(value) for name, value in variables.items()},
    )


class Workshop:
    """buildah with a storage of its own, which is kept from one rehearsal to the next."""

    def __init__(self, folder):
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._conf = folder / "storage.conf"
        self._conf.write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n'
        )

    def __call__(self, *command, seconds=SECONDS, **variables):
        return say(command, seconds, **self.variables, **variables)

    @property
    def variables(self):
        return {"CONTAINERS_STORAGE_CONF": self._conf, "BUILDAH_ISOLATION": "chroot"}

    def tried(self, *command, seconds=SECONDS):
        """As above, for what depends on the machine alone."""
        try:
            done = run(command, seconds, **self.variables)
        except subprocess.TimeoutExpired as error:
            raise UnavailableError(f"`{command[0]}` took more than {seconds} s here") from error
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or ["nothing was said"]
            raise UnavailableError(f"`{' '.join(map(str, command[:2]))}` fails here: {said[-1]}")
        return done.stdout.strip()

    def kernel(self):
        """Whether this machine lets us make what a container is made of."""
        place = self._folder / "tried"
        place.mkdir(exist_ok=True)
        mount = (
            f"mount -t tmpfs tmpfs {place} && mount --bind {place} {place} && mount -t proc p /proc"
        )
        bind = f"mount --rbind /dev {place} && mount -o remount,bind,ro {place}"
        self.tried(*UNSHARE, "sh", "-c", f"{mount} && {bind} && chroot --userspec=1:1 / true")

    def base(self):
        """The image that others are built on, made where it is not there yet."""
        if BASE not in self.tried("buildah", "images", "--format", "{{.Name}}:{{.Tag}}"):
            packages = "--include=binutils,ca-certificates,python3,python3-venv"
            file = self._folder / "base.tar"
            make = ["mmdebstrap", "--quiet", "--variant=minbase", packages, "bookworm", str(file)]
            self.tried(*make, seconds=BUILD_SECONDS)
            container = self.tried("buildah", "from", "scratch")
            self.tried("buildah", "add", container, file, "/", seconds=BUILD_SECONDS)
            self.tried("buildah", "commit", "--rm", container, BASE, seconds=BUILD_SECONDS)
            file.unlink()
        container = self.tried("buildah", "from", "--pull-never", BASE)
        try:
            self.tried("buildah", "run", container, "--", "true")
        finally:
            self.tried("buildah", "rm", container)
        return BASE

    def build(self, *arguments):
        """The image's name, as `make image` built it."""
        self.kernel()
        variables = {"TOOL": "buildah", "PULL": "never", "BASE": self.base()}
        if "PIP_CERT" in os.environ:
            variables["CA"] = os.environ["PIP_CERT"]
        command = [ROOT / "scripts" / "image", *arguments]
        try:
            done = run(command, BUILD_SECONDS, **self.variables, **variables)
        except subprocess.TimeoutExpired as error:
            raise UnavailableError(f"a build takes more than {BUILD_SECONDS} s here") from error
        said = done.stdout + done.stderr
        if done.returncode and (why := SURROUNDINGS.search(said)):
            raise UnavailableError(f"the build stopped here: {why[0]}")
        assert done.returncode == 0, said[-6000:]
        return done.stdout.splitlines()[-1]

    def config(self, image):
        """What the image says of how it is run."""
        inspected = json.loads(self("buildah", "inspect", "--type", "image", image))
        return inspected["Docker"]["config"]

    @contextlib.contextmanager
    def unpacked(self, image):
        """The folder with the image's files."""
        container = self("buildah", "from", "--pull-never", image)
        try:
            yield Path(self("buildah", "mount", container))
        finally:
            self("buildah", "rm", container)

    def pushed_bytes(self, image, folder):
        """How much a registry keeps, and a host fetches."""
        self("buildah", "push", "--quiet", image, f"dir:{folder}", seconds=BUILD_SECONDS)
        return sum(file.stat().st_size for file in folder.iterdir())


def workshop():
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        raise UnavailableError(
            f"not installed: {', '.join(missing)} (`apt-get install buildah mmdebstrap`)"
        )
    if os.geteuid() != 0:
        raise UnavailableError("only root may make the namespaces that a container needs here")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Workshop(cache / "backstory" / "rehearsed-images")


def show(capsys, text):
    """Puts a measurement beside the name of its test."""
    with capsys.disabled():
        sys.stdout.write(f" [{text}]")
