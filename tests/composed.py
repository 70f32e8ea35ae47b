"""Services of `deploy/compose` that are run by podman as their file says, on the network of this machine.

podman runs containers without a daemon, but here without systemd as well, so that whoever asks looks after
their health. Addresses are other ones, since the network is not that of the file.
"""

import contextlib
import re
import shutil

import yaml

from images import ROOT, UnavailableError
from serving import until

FILE = ROOT / "deploy" / "compose" / "compose.yaml"
RUNTIME = ("podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs")
# The bounds that containers get here: a machine may have fewer than podman asks for.
HERE = (
    "--network",
    "host",
    "--no-healthcheck",
    "--ulimit",
    "nofile=4096:4096",
    "--ulimit",
    "nproc=1024:1024",
)
_DEFAULT = re.compile(r"\$\{\w+:-([^}]*)\}")


def services():
    return yaml.safe_load(FILE.read_text("utf-8"))["services"]


class Podman:
    """The podman of this machine, with the images of a workshop."""

    def __init__(self, workshop, image):
        self._workshop, self._image = workshop, image
        for program in ("podman", "runc", "conmon"):
            if shutil.which(program) is None:
                raise UnavailableError(f"{program} is not installed")
        workshop.tried(*RUNTIME, "run", "--rm", *HERE, image, "--version")

    def __call__(self, *command):
        return self._workshop(*RUNTIME, *command)

    def run(self, name, secrets, **environment):
        """What a service says that runs to its end."""
        return self("run", "--rm", *self._words(name, secrets, environment))

    @contextlib.contextmanager
    def running(self, name, secrets, **environment):
        """A service, once its own check says that it is well; stopped as its file says, with its exit code."""
        service, container = services()[name], f"backstory-rehearsed-{name}"
        self(
            "run",
            "--detach",
            "--replace",
            "--name",
            container,
            *self._words(name, secrets, environment),
        )
        kind, *check = service["healthcheck"]["test"]
        assert kind == "CMD"
        codes = []
        try:
            until(lambda: self._is_well(container, check), f"that {name} is well")
            yield codes
            self("stop", "--time", service["stop_grace_period"].removesuffix("s"), container)
            codes.append(int(self("inspect", container, "--format", "{{.State.ExitCode}}")))
        finally:
            self("rm", "--force", container)

    def _is_well(self, container, check):
        with contextlib.suppress(UnavailableError):
            self._workshop.tried(*RUNTIME, "exec", container, *check)
            return True
        assert self("inspect", container, "--format", "{{.State.Running}}") == "true"
        return False

    def _words(self, name, secrets, environment):
        service = services()[name]
        told = {
            key: _DEFAULT.sub(r"\1", str(value)) for key, value in service["environment"].items()
        }
        bounds = service["deploy"]["resources"]["limits"]
        words = [*HERE, "--memory", bounds["memory"], "--cpus", bounds["cpus"]]
        words += ["--pids-limit", bounds["pids"]]
        words += ["--read-only"] if service["read_only"] else []
        words += [f"--cap-drop={each}" for each in service["cap_drop"]]
        words += [
            f"--security-opt={each.removesuffix(':true')}" for each in service["security_opt"]
        ]
        words += [f"--tmpfs={each}" for each in service["tmpfs"]]
        words += [
            f"--volume={secrets / each}:/run/secrets/{each}:ro" for each in service["secrets"]
        ]
        words += [f"--env={key}={value}" for key, value in (told | environment).items()]
        return [*words, self._image, *service.get("command", ())]
