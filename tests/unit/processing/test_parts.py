"""The canonical parts: their table, their documentation and what is wrong with a part."""

from pathlib import Path

import pytest

from backstory.domain.parts import EXTRA, PARTS, data_url, to_data_url, violations

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "entries.md"


def test_each_part_is_documented_as_it_is():
    rows = [
        tuple(cell.strip() for cell in line.strip("|").split(" | "))
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `") and line.count(" | ") == 3
    ]
    wanted = [
        (
            f"`{kind}`",
            f"`{member.name}`{'' if member.required else '?'}",
            member.holds,
            member.meaning,
        )
        for kind, members in PARTS.items()
        for member in members
    ]
    extra = ("any", f"`{EXTRA.name}`?", EXTRA.holds, EXTRA.meaning)
    assert [tuple(row) for row in rows] == wanted
    assert " | ".join(extra) in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "pointers"),
    [
        ("text", []),
        ([], []),
        (1, ["/content"]),
        ([1], ["/content/0/type"]),
        ([{"type": []}], ["/content/0/type"]),
        ([{"type": "text"}], ["/content/0/text"]),
        ([{"type": "text", "text": "a", "bold": True}], ["/content/0/bold"]),
        ([{"type": "text", "text": "a", "extra": {}}], ["/content/0/extra"]),
        ([{"type": "image"}], ["/content/0"]),
        ([{"type": "image", "url": "data:image/png;base64,aGk="}], ["/content/0/url"]),
        ([{"type": "image", "source": {"data": "aGk="}}], ["/content/0/source"]),
        (
            [{"type": "tool_result", "content": [{"type": "tool_call", "name": "f"}]}],
            ["/content/0/content/0/type"],
        ),
        ([{"type": "reasoning", "text": ["one"]}], ["/content/0/text"]),
    ],
)
def test_what_is_wrong_with_content_is_said_with_its_place(content, pointers):
    assert [v.pointer for v in violations(content)] == pointers


def test_a_data_url_is_its_source_and_back():
    url = "data:image/png;base64,aGk="
    assert to_data_url(data_url(url)) == url
    assert data_url("data:,hello") is None
    assert data_url("https://example.com/a.png") is None
