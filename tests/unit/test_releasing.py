"""What a forge does with a change and with a release: each step is a task that runs anywhere."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from serving import SECONDS

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TASKS = set(re.findall(r"^([a-z][a-z-]*): ##", (ROOT / "Makefile").read_text(), re.MULTILINE))
# What a step may run that is no task of make.
OTHERS = (
    "sudo --preserve-env=PATH scripts/servers",
    "gh release create ",
    'cat "$(ls build/attacks',
)


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def steps(workflow):
    jobs = yaml.safe_load(workflow.read_text())["jobs"]
    return [(job, step) for job in jobs.values() for step in job["steps"]]


def validated(schema, *files):
    checker = Path(sys.executable).with_name("check-jsonschema")
    command = [checker, "--builtin-schema", schema, *files]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)


def test_workflows_are_what_the_forge_allows(tmp_path):
    done = validated("vendor.github-workflows", *WORKFLOWS)
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "ci.yml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("runs-on", "run-on"))
    assert validated("vendor.github-workflows", wrong).returncode == 1


def test_so_is_what_keeps_actions_and_images_new():
    file = ROOT / ".github" / "dependabot.yml"
    done = validated("vendor.dependabot", file)
    assert done.returncode == 0, done.stdout
    for update in yaml.safe_load(file.read_text())["updates"]:
        assert (ROOT / update["directory"].lstrip("/")).is_dir()


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_every_step_is_a_task_of_make_or_a_pinned_action(workflow):
    assert yaml.safe_load(workflow.read_text())["permissions"] == {"contents": "read"}
    for job, step in steps(workflow):
        if uses := step.get("uses"):
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", uses), uses
            continue
        task = re.match(r"make ([a-z-]+|\$\{\{ matrix\.task \}\})", step["run"])
        if task is None:
            assert step["run"].startswith(OTHERS), step["run"]
        elif task[1].startswith("$"):
            assert set(job["strategy"]["matrix"]["task"]) <= TASKS
        else:
            assert task[1] in TASKS, task[1]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_no_step_runs_what_somebody_else_wrote_into_an_event(workflow):
    for _, step in steps(workflow):
        said = re.findall(r"\$\{\{(.*?)\}\}", step.get("run", ""))
        assert all(one.strip().startswith("matrix.") for one in said), said


def test_a_release_makes_everything_before_it_publishes_anything():
    [workflow] = [path for path in WORKFLOWS if path.stem == "release"]
    ran = [step.get("run", step.get("uses")).split(" ARGS")[0] for _, step in steps(workflow)]
    order = [
        *("make release-notes", "make check", "make package", "make sbom", "make image"),
        *("actions/attest-build-provenance@v2", "actions/attest-sbom@v2", "make push-image"),
    ]
    assert [one for one in ran if one in order] == order
    assert ran[-1].startswith("gh release create")


CHANGES = """# Changelog

## [Unreleased]

## [1.2.0] - 2026-11-30

### Added

- A thing.

## [1.1.0]

- Older.

[1.2.0]: https://example.com
"""


@pytest.mark.parametrize(
    ("version", "notes"),
    [("1.2.0", "### Added\n\n- A thing."), ("1.1.0", "- Older."), ("Unreleased", ""), ("1.2", "")],
)
def test_notes_are_the_section_of_the_release_and_nothing_else(version, notes):
    assert script("release_notes").section(CHANGES, version) == notes


@pytest.mark.parametrize(
    ("tag", "notes", "said"),
    [
        ("v1.2.0", "- A thing.", None),
        (None, "- A thing.", None),
        ("v1.2.1", "- A thing.", "is not that of version 1.2.0"),
        ("1.2.0", "- A thing.", "is none of a release"),
        ("v1.2.0", "", "has no section [1.2.0]"),
    ],
)
def test_nothing_is_released_that_does_not_agree(tag, notes, said):
    told = script("release_notes").trouble(tag, "1.2.0", notes)
    assert told is said or said in told


def test_the_changelog_has_the_form_that_notes_are_taken_from():
    notes = script("release_notes")
    text = (ROOT / "CHANGELOG.md").read_text()
    heads = re.findall(r"^## \[([^\]]+)\]", text, re.MULTILINE)
    assert heads
    assert notes.section(text, heads[0])


def test_an_image_is_pushed_nowhere_by_default():
    done = subprocess.run(
        [ROOT / "scripts" / "push_image"],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: REPOSITORY has to name where to")
