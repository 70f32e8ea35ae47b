"""Each symptom on the page on troubleshooting has a scene, in which a rehearsal follows it."""

import re

from pages import ROOT
from troubleshooting import PAGE, sections

SCENES = (ROOT / "tests" / "rehearsals" / "test_troubleshoot_page.py").read_text("utf-8")


def test_each_symptom_plays_in_a_scene_and_what_happens_there_is_known():
    assert len(sections()) >= 8
    for section in sections():
        assert f"\ndef {section.scene}(" in SCENES, section.title
        for step in section.steps:
            assert not isinstance(step, str) or f'"{step}"' in SCENES, step


def test_each_symptom_is_in_the_table_of_what_is_seen():
    table = PAGE.read_text("utf-8").split("| you see |")[1].split("\n\n")[0]
    assert re.findall(r"\[([^\]]+)\]\(#", table) == [section.title for section in sections()]
