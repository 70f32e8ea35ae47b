"""The site of the documentation shows every page, and its links are those of a forge as well."""

import re
import unicodedata

import pytest

from pages import DOCS, ROOT, pages

LINK = re.compile(r"\]\(([^)#\s]*)#([^)\s]+)\)")
FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def site(monkeypatch):
    """The rooms of scripts/docs_site that need nothing of MkDocs."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts" / "docs_site"))
    import consoles
    import navigation
    import outside

    return {"consoles": consoles, "navigation": navigation, "outside": outside}


def anchors(page):
    """Those that a forge gives the headings of a page: lower case, without punctuation."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    found = []
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", heading).lower()
        kept = [c for c in plain if c in "-_ " or unicodedata.category(c)[0] in "LN"]
        name = "".join(kept).replace(" ", "-")
        found.append(f"{name}-{found.count(name)}" if name in found else name)
    return found


def leaves(nav):
    for each in nav:
        if isinstance(each, str):
            yield each
        else:
            for inner in each.values():
                yield from leaves([inner] if isinstance(inner, str) else inner)


def test_every_page_has_its_place_in_the_navigation(site):
    places = list(leaves(site["navigation"].of(DOCS)))
    assert [
        str(page.relative_to(DOCS))
        for page in DOCS.rglob("*.md")
        if str(page.relative_to(DOCS)) not in places
    ] == []
    assert sorted(set(places)) == sorted(places), "a page is listed twice in docs/index.md"


def test_every_anchor_is_one_of_its_page():
    broken = [
        f"{page.relative_to(ROOT)}: {target}#{anchor}"
        for page in pages()
        for target, anchor in LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8")))
        if ":" not in target and anchor not in anchors((page.parent / target) if target else page)
    ]
    assert broken == []


def test_what_lies_outside_the_documentation_is_a_page_of_the_site(site, tmp_path):
    docs = tmp_path / "docs" / "how-to"
    docs.mkdir(parents=True)
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "node.cfg").write_text("bind :80\n", encoding="utf-8")
    (tmp_path / "NEWS.md").write_text("See [how](docs/how-to/run.md#it), [it](deploy).\n", "utf-8")
    text = "[cfg](../../deploy/node.cfg) [news](../../NEWS.md#new)\n"
    (docs / "run.md").write_text(text, encoding="utf-8")
    found = dict(site["outside"].pages(tmp_path, tmp_path / "docs"))
    assert sorted(found) == ["files/NEWS.md", "files/deploy.md", "files/deploy/node.cfg.md"]
    assert "bind :80" in found["files/deploy/node.cfg.md"]
    assert found["files/NEWS.md"] == "See [how](../how-to/run.md#it), [it](deploy.md).\n"
    shown = site["outside"].rewritten(text, docs / "run.md", "how-to/run.md", tmp_path)
    assert shown == "[cfg](../files/deploy/node.cfg.md) [news](../files/NEWS.md#new)\n"


def test_what_is_typed_is_apart_from_what_is_printed(site):
    shown = site["consoles"].shown("$ echo '1\n  2'\n1\n  2\n$ ls <a\n")
    assert re.findall(r'<span class="go">(.*?)\n</span>', shown) == ["1", "  2"]
    assert shown.count('<span class="gp">$ </span>') == 2
    assert "&lt;a" in shown
