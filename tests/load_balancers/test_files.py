"""The files of `deploy/` as they are, and with what is commented out in them."""

import asyncio
import contextlib
import re
import ssl
import subprocess

import httpx
import pytest

import balancers
import server_process
from postgres_server import free_port
from serving import SECONDS
from stand_in_node import READY, StandIn, standing_in

COMMENTED = re.compile(r"^( *)# (bind :443|http-request redirect|listen 443|ssl_)", re.MULTILINE)
CERTIFICATE = {"haproxy": "/etc/haproxy/backstory.pem", "nginx": "/etc/nginx/backstory.pem"}


def check(name, folder, file):
    """What the program says of a file, and whether it would take it."""
    if server_process.program(name) is None:
        pytest.skip(server_process.MISSING[name])
    command = [server_process.program(name), "-c", "-f", str(file)]
    if name == "nginx":
        main = folder / "nginx.conf"
        main.write_text(balancers.around(folder, file))
        command = [server_process.program(name), "-t", "-p", str(folder), "-c", str(main)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", balancers.NAMES)
def test_the_file_is_taken_as_it_is_without_a_warning(name, tmp_path):
    code, said = check(name, tmp_path, balancers.DEPLOY / balancers.FILES[name])
    assert code == 0, said
    assert "warn" not in said.lower()


@pytest.fixture
def certificate(tmp_path):
    """A file with a certificate for localhost and its key."""
    file = tmp_path / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "certificate")]
    subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
    file.write_text((tmp_path / "certificate").read_text() + (tmp_path / "key").read_text())
    return file


async def test_tls_is_spoken_where_its_lines_are_let_in(name, certificate, monkeypatch):
    if server_process.program(name) is None:
        pytest.skip(server_process.MISSING[name])
    heads, port = [], free_port()

    async def answer(head, reader, writer):
        heads.append(head)
        writer.write(READY)

    def change(text):
        text = COMMENTED.sub(r"\1\2", text).replace("/etc/nginx/backstory.key", str(certificate))
        text = text.replace(CERTIFICATE[name], str(certificate))
        return re.sub(r"(bind :|listen )443", rf"\g<1>{port}", text)

    monkeypatch.setattr(balancers, "FORWARDED", re.compile("nothing is left out"))
    async with standing_in(StandIn(answer), StandIn(answer)) as nodes:
        with contextlib.ExitStack() as stack:
            running = balancers.balancing(name, nodes, change)
            await asyncio.to_thread(stack.enter_context, running)
            trusted = ssl.create_default_context(cafile=certificate)
            async with httpx.AsyncClient(verify=trusted, timeout=SECONDS) as http:
                answered = await http.get(f"https://localhost:{port}/v1/whoami")
            await asyncio.to_thread(stack.close)
    assert answered.status_code == 200
    assert "x-forwarded-proto: https\r\n" in heads[-1]
