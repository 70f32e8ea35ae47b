"""Which namespaces other stores keep, as the settings say it."""

import pytest

from backstory.config import load
from backstory.config.routes import overlapping
from backstory.errors import ConfigError


def routed(text):
    return load({"routes": text}, environ={}).routes


def test_patterns_with_one_url_are_one_store_called_like_the_first():
    found = routed(
        "medical.*, hr=sqlite:////srv/own.db ;\n legal.* = postgresql://me:pw@db/x?connections=5"
    )
    assert [(each.name, [str(one) for one in each.patterns]) for each in found] == [
        ("medical", ["medical.*", "hr"]),
        ("legal", ["legal.*"]),
    ]
    assert str(found[1]) == "legal.* = postgresql://me:***@db/x?connections=5"
    assert routed(" ; ") == ()


def test_a_file_may_have_them_as_a_table(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('[routes]\n"medical.*" = "sqlite:///a.db"\n"hr.*" = "sqlite:///a.db"\n')
    (found,) = load(file=file, environ={}).routes
    assert [str(one) for one in found.patterns] == ["medical.*", "hr.*"]


def test_they_may_stand_in_a_file_of_secrets(tmp_path):
    (tmp_path / "routes").write_text("medical.* = sqlite:///a.db\n")
    assert load(environ={"BACKSTORY_SECRETS": str(tmp_path)}).routes[0].name == "medical"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("medical.*", "PATTERN = STORE-URL"),
        ("medical.* = file:///x", "must be sqlite:///FILE"),
        ("* = sqlite:///a.db", "cannot route everything"),
        ("Med.* = sqlite:///a.db", "not a namespace"),
        ("_system.kinds = sqlite:///a.db", "reserved namespaces are kept by the first store"),
        ("users.42.notes.* = sqlite:///a.db", "route users.42.*"),
        ("users.42 = sqlite:///a.db", "route users.42.*"),
        ("a.* = sqlite:///a.db; a.b.* = sqlite:///b.db", "a.* and a.b.* overlap"),
        ("a.b = sqlite:///b.db; a.* = sqlite:///a.db", "a.b and a.* overlap"),
        ("a = sqlite:///a.db; a = sqlite:///b.db", "a and a overlap"),
        (5, "PATTERN = STORE-URL"),
        (";".join(f"n{n}.* = sqlite:///{n}.db" for n in range(17)), "16 stores at most"),
    ],
)
def test_what_cannot_be_routed_is_one_line_that_says_why(text, told):
    with pytest.raises(ConfigError) as caught:
        routed(text)
    assert caught.value.detail.startswith("routes from --routes ")
    assert told in caught.value.detail
    assert "\n" not in caught.value.detail


def test_no_password_of_a_route_is_repeated():
    for text in (
        "a.* = postgresql://me:hidden@db/x; b.* = nonsense",
        "postgresql://me:hidden@db/x",
    ):
        with pytest.raises(ConfigError) as caught:
            routed(text)
        assert "hidden" not in caught.value.detail


def test_the_first_store_and_files_of_other_routes_cannot_be_routed_to(tmp_path):
    def twice(text):
        settings = load({"routes": text, "store": f"sqlite:///{tmp_path}/a.db"}, environ={})
        return overlapping(settings.routes, settings.store)

    assert twice("x.* = sqlite:////elsewhere.db") is None
    assert twice(f"x.* = sqlite:///{tmp_path}/b/../a.db") == "x"
    assert twice("x.* = sqlite:///c.db; y.* = sqlite:///b/../c.db") == "y"
