"""What the doctor says of a machine's kernel, as its files tell."""

import re
from pathlib import Path

import pytest

from backstory.cli.doctor import host
from backstory.config import load
from pages import ROOT

TOKENS = {"auth_issuer": "https://tokens.example.com", "auth_audience": "https://me.example.com"}
LOCAL = {"store": "postgresql://db@127.0.0.1/x", "cache": "redis://127.0.0.1"}
HUGE = "sys/kernel/mm/transparent_hugepage/enabled"
CLOCK = "sys/devices/system/clocksource/clocksource0/current_clocksource"
AS_INSTALLED = {
    "proc/sys/net/core/somaxconn": "128",
    "proc/sys/net/ipv4/tcp_max_syn_backlog": "256",
    "proc/sys/net/ipv4/tcp_retries2": "15",
    "proc/sys/net/ipv4/tcp_keepalive_time": "7200",
    "proc/sys/net/ipv4/ip_local_port_range": "60000\t60999",
    "proc/sys/net/ipv4/ip_local_reserved_ports": "",
    "proc/sys/vm/overcommit_memory": "0",
    "proc/sys/vm/swappiness": "60",
    "proc/swaps": "Filename Type Size Used Priority\n/swap file 1 0 -2\n",
    "proc/self/limits": "Limit  Soft Hard Units\nMax open files            1024  4096  files\n",
    "proc/self/mounts": "/dev/sda / ext4 rw 0 0\n",
    HUGE: "[always] madvise never",
    CLOCK: "hpet",
}


def machine(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def told(folder, **flags):
    settings = load({name: str(value) for name, value in flags.items()}, environ={})
    return {each.name.removeprefix("host."): each for each in host.look(settings, folder)}


def as_shipped():
    """The machine once the files of `deploy/` were applied."""
    files = dict(AS_INSTALLED)
    for file in sorted((ROOT / "deploy" / "sysctl").iterdir()):
        for name, value in re.findall(r"(?m)^([a-z0-9_.]+) = (.+)$", file.read_text()):
            files[f"proc/sys/{name.replace('.', '/')}"] = value
    (written,) = re.findall(
        r"(?m)^w (\S+) - - - - (\S+)$",
        (ROOT / "deploy" / "tmpfiles" / "backstory.conf").read_text(),
    )
    assert written[0] == f"/{HUGE}"
    return files | {HUGE: f"always [{written[1]}] never"}


def test_a_machine_as_it_was_installed_is_told_what_to_set_and_why(tmp_path):
    found = told(machine(tmp_path, AS_INSTALLED), port=60001, **TOKENS, **LOCAL)
    assert set(found) == {
        "connections", "retries", "keepalive", "ports", "files", "overcommit", "hugepages", "swap",
        "clocksource",
    }  # fmt: skip
    for each in found.values():
        assert each.status == "warning"
        assert each.next.endswith("docs/how-to/tune-hosts.md has the rest")
    assert "60001 to net.ipv4.ip_local_reserved_ports" in found["ports"].next


def test_what_is_shipped_suits(tmp_path):
    files = as_shipped() | {CLOCK: "tsc"}
    files["proc/self/limits"] = "Max open files            1024  65536  files\n"
    found = told(machine(tmp_path, files), **TOKENS, **LOCAL)
    assert [(each.name, each.status) for each in found.values()] == [("host", "ok")]


def test_what_is_shipped_is_known_to_the_kernel_and_has_its_reason():
    page = (ROOT / "docs" / "how-to" / "tune-hosts.md").read_text()
    for file in (ROOT / "deploy" / "sysctl").iterdir():
        for name in re.findall(r"(?m)^([a-z0-9_.]+) = ", file.read_text()):
            known = Path("/proc/sys", name.replace(".", "/")).exists() or name.startswith("net.")
            assert known or not Path("/proc/sys").is_dir()
            assert f"`{name}`" in page


def test_only_what_matters_for_the_settings_is_told(tmp_path):
    there = machine(tmp_path, AS_INSTALLED)
    assert set(told(there)) == {"clocksource"}  # served to nobody else
    far = {"store": "postgresql://db.example.com/x", "cache": "redis://cache.example.com"}
    assert not {"keepalive", "overcommit", "hugepages"} & set(told(there, **TOKENS, **far))
    assert "overcommit" not in told(there, **TOKENS, store=LOCAL["store"])
    machine(there, {"proc/swaps": "Filename Type Size Used Priority\n"})
    assert "swap" not in told(there, **TOKENS)


def test_where_the_kernel_tells_nothing_nothing_is_told(tmp_path):
    assert told(tmp_path) == {}
    machine(tmp_path, {"proc/sys/vm/swappiness": "garbage", CLOCK: "tsc"})
    assert told(tmp_path, **TOKENS)["host"].status == "ok"


@pytest.mark.parametrize(
    ("mounts", "status"),
    [
        ("/dev/sda / ext4 rw 0 0\n", "ok"),
        ("/dev/sda / ext4 rw 0 0\nhost:/x /srv/my\\040data nfs4 rw 0 0\n", "failed"),
        ("/dev/sda / ext4 rw 0 0\nnone /srv tmpfs rw 0 0\n", "warning"),
        ("host:/x /srv nfs rw 0 0\n/dev/sda /srv/my\\040data ext4 rw 0 0\n", "ok"),
    ],
)
def test_a_file_belongs_on_a_disk_of_this_machine(tmp_path, mounts, status):
    machine(tmp_path, AS_INSTALLED | {CLOCK: "tsc", "proc/self/mounts": mounts})
    (found,) = told(tmp_path, store="sqlite:////srv/my data/store.db").values()
    assert found.status == status
    routed = told(tmp_path, routes="a.* = sqlite:////srv/my data/store.db")
    assert next(iter(routed.values())).status == status
