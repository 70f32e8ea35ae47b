"""The command line as a whole, and `backstory config`."""

import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from backstory import __version__, cli
from backstory.cli import COMMANDS, main
from backstory.config import TABLE
from backstory.errors import ConfigError, MissingError


@pytest.fixture
def run():
    def invoke(*arguments):
        return CliRunner().invoke(main, list(arguments), catch_exceptions=False)

    return invoke


@pytest.fixture
def failing(monkeypatch):
    """Makes `backstory config` raise an error instead of its work."""

    def fail_with(error):
        def callback(**_):
            raise error

        command = click.Command("config", callback=callback)
        monkeypatch.setattr(f"{cli.__name__}.config.command", command)

    return fail_with


def test_help_lists_each_command_that_is_there_with_its_sentence(run):
    answer = run("--help")
    assert answer.exit_code == 0
    assert COMMANDS["config"][1] in answer.output


def test_help_loads_no_command_and_no_server():
    code = (
        "import sys; from backstory.cli import main; main(['--help'], standalone_mode=False);"
        "print(sorted({'mcp', 'starlette', 'apsw', 'rich', 'backstory.config'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", main.list_commands(click.Context(main)))
def test_every_command_that_is_there_loads_answers_help_and_offers_json(run, name):
    answer = run(name, "--help")
    assert answer.exit_code == 0
    assert "--json" in answer.output


def test_the_version_is_that_of_the_package(run):
    assert __version__ in run("--version").output


def test_the_module_runs_like_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "backstory", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"backstory, version {__version__}\n"


def test_an_unknown_command_is_wrong_usage(run):
    assert run("sevre").exit_code == 2


def test_a_wrong_setting_is_one_line_and_exit_code_2(run, failing):
    failing(ConfigError("port is\nwrong"))
    answer = run("config")
    assert (answer.exit_code, answer.stderr) == (2, "error: port is wrong (config_invalid)\n")


def test_any_other_error_is_one_line_and_exit_code_1(run, failing):
    failing(MissingError("nothing there"))
    answer = run("config")
    assert (answer.exit_code, answer.stderr) == (1, f"error: nothing there ({MissingError.code})\n")


def test_an_error_that_is_not_ours_is_not_hidden(run, failing):
    failing(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        run("config")


def test_who_is_interrupted_says_so_in_a_line_and_ends_as_shells_report_it(run, failing):
    failing(KeyboardInterrupt())
    answer = run("config")
    assert (answer.exit_code, answer.stderr) == (130, "interrupted\n")


def test_config_shows_each_setting_with_its_value_origin_and_meaning(run, monkeypatch):
    monkeypatch.setenv("BACKSTORY_PORT", "9000")
    lines = run("config", "--no-search").output.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(TABLE)
    rows = {line.split()[0]: line for line in lines}
    assert "9000" in rows["port"]
    assert "BACKSTORY_PORT" in rows["port"]
    assert "false" in rows["search"]
    assert TABLE["port"].meaning in rows["port"]


def test_config_answers_programs_in_json_with_values_in_their_types(run):
    answer = run("config", "--json", "--allowed-hosts", "a.example,b.example")
    rows = {row["name"]: row for row in json.loads(answer.output)["settings"]}
    assert list(rows) == list(TABLE)
    assert rows["port"] == {
        "name": "port",
        "value": 8765,
        "origin": "default",
        "meaning": TABLE["port"].meaning,
        "default": "8765",
        "variable": "BACKSTORY_PORT",
        "flag": "--port",
    }
    assert rows["search"]["value"] is True
    assert rows["store"]["value"] == "sqlite:///.backstory/backstory.db"
    assert rows["allowed_hosts"]["value"] == ["a.example", "b.example"]
    assert rows["public_url"]["value"] is None


def test_config_takes_the_file_from_its_flag(run, tmp_path):
    file = tmp_path / "backstory.toml"
    file.write_text("workers = 3")
    assert str(file) in run("config", "--config", str(file)).output


def test_config_stops_at_a_wrong_flag(run):
    answer = run("config", "--port", "x")
    assert answer.exit_code == 2
    assert answer.stderr.startswith("error: port from --port must be a whole number")
