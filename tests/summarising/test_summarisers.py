"""Each summariser passes the contract; what an operator writes becomes the one that is meant."""

import importlib.metadata

import pytest

from backstory import extensions, limits
from backstory.errors import ConfigError
from backstory.ports.summariser import Made, Turn
from backstory.summarising import making
from backstory.summarising.extractive import Extractive
from backstory.summarising.fallback import Fallback
from backstory.testing.summariser_contract import SummariserContract
from model_serving import Provider, answer, openai
from summaries import COUNT
from summarising.test_http import Time

TURN = [Turn("user", "Ship it to Berlin.")]


class TestExtractive(SummariserContract):
    @pytest.fixture
    async def summariser(self):
        return Extractive(COUNT)


class TestModel(SummariserContract):
    @pytest.fixture
    async def summariser(self):
        async with Provider(openai("in short")).running() as url:
            summariser = made(url)._first
            yield summariser
            await summariser.aclose()


class TestModelThatFails(SummariserContract):
    @pytest.fixture
    async def summariser(self):
        async with Provider(answer(500)).running() as url:
            summariser = made(url)
            yield summariser
            await summariser.aclose()


def made(url, **more):
    written = {"provider": "openai", "model": "m", "url": url} | more
    return making.make(making.read(written), None, COUNT, Time().pace())


# -- what an operator writes ---------------------------------------------------------------


def test_without_a_word_it_is_the_extractive_one():
    wanted = making.read({})
    assert isinstance(making.make(wanted, None, COUNT, Time().pace()), Extractive)
    assert wanted.rules is None


@pytest.mark.parametrize(
    ("provider", "url"),
    [("openai", "https://api.openai.com/v1"), ("anthropic", "https://api.anthropic.com/v1")],
)
async def test_a_provider_has_an_address_of_its_own(provider, url):
    wanted = making.read({"provider": provider, "model": "m"})
    assert wanted.url == url
    summariser = making.make(wanted, None, COUNT, Time().pace())
    assert isinstance(summariser, Fallback)
    await summariser.aclose()


@pytest.mark.parametrize(
    ("written", "about"),
    [
        ([], "table"),
        ({"providr": "openai"}, "no member 'providr'"),
        ({"provider": "gpt"}, "no provider 'gpt'; there are extractive, openai, anthropic"),
        ({"provider": 5}, "provider must be text"),
        ({"provider": "openai"}, "needs the model"),
        ({"provider": "openai", "model": "m", "key": "x"}, "summariser_key"),
        ({"provider": "openai", "model": "m", "url": "ftp://x"}, "url must be"),
        ({"provider": "openai", "model": "m", "url": "https://me:pw@x/v1"}, "url must be"),
        ({"provider": "openai", "model": "m", "url": "https://x/v1?key=1"}, "url must be"),
        ({"provider": "openai", "model": "m", "url": "https://x:0/v1"}, "url must be"),
        ({"provider": "openai", "model": "m", "seconds": 0}, "seconds must be"),
        ({"provider": "openai", "model": "m", "tries": True}, "tries must be"),
        ({"provider": "openai", "model": "m", "tries": 11}, "from 1 to 10"),
        ({"options": {"a": 1}}, "options"),
        ({"rules": {}}, "list"),
        ({"rules": [{}]}, "rule 1: needs entries, tokens or both"),
        ({"rules": [{"entries": 0}]}, "rule 1: entries must be"),
        ({"rules": [{"entries": 5}, {"entries": 6}]}, "two rules"),
        ({"rules": [{"entries": 5, "namespace": "Not One"}]}, "rule 1"),
        ({"rules": [{"entries": 5, "length": 5}]}, "from 32 to 4096"),
        ({"rules": [{"entries": 5, "kinds": "x"}]}, "rule 1: must be a table"),
    ],
)
def test_what_is_wrong_is_said(written, about):
    with pytest.raises(ConfigError, match=about):
        making.read(written)


def test_the_most_precise_rule_says_when():
    rules = [{"entries": 50}, {"namespace": "users.*", "tokens": 900, "keep": 5, "length": 99}]
    choice = making.read({"rules": rules}).rules
    everywhere, users = choice.choose("session", "team"), choice.choose("session", "users.7")
    assert (everywhere.entries, everywhere.tokens, everywhere.keep) == (50, None, 20)
    assert (users.entries, users.tokens, users.keep, users.length) == (None, 900, 5, 99)


async def test_a_key_comes_from_a_file(tmp_path):
    file = tmp_path / "key"
    file.write_text("sk-from-file\n")
    server = Provider(openai("x"))
    async with server.running() as url:
        summariser = made(url, key_file=str(file))
        await summariser.summarise(TURN, 50)
        await summariser.aclose()
    assert server.asked[0][1]["authorization"] == "Bearer sk-from-file"


@pytest.mark.parametrize(
    "content", [None, b"", b"  \n", b"\xff\xfe", b"two\nlines", b"x" * (limits.SECRET_BYTES + 1)]
)
def test_a_file_without_a_key_stops_the_start(tmp_path, content):
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match="key_file") as caught:
        made("http://127.0.0.1:1/v1", key_file=str(file))
    assert "xfe" not in caught.value.detail
    assert "two" not in caught.value.detail


def test_two_keys_are_one_too_many(tmp_path):
    wanted = making.read({"provider": "openai", "model": "m", "key_file": "x"})
    with pytest.raises(ConfigError, match="leave one out"):
        making.make(wanted, "sk-1", COUNT, Time().pace())


# -- extensions ----------------------------------------------------------------------------


class Shouting:
    """What a package may bring: the last turn in capitals."""

    def __init__(self, mark="!"):
        self.mark = mark

    async def summarise(self, turns, tokens):
        if self.mark == "raise":
            raise RuntimeError(turns[-1].text)
        return Made(turns[-1].text.upper() + self.mark, "shouting:1")

    async def aclose(self):
        pass


def make_shouting(options):
    return Shouting(**options)


@pytest.fixture
def extension(monkeypatch):
    """A package that brings a summariser, installed."""
    group = extensions.SUMMARISERS
    points = [importlib.metadata.EntryPoint("shouting", f"{__name__}:make_shouting", group)]
    monkeypatch.setattr(extensions, "entry_points", lambda group: points)


@pytest.fixture
def shouting(extension, monkeypatch):
    def make(**options):
        wanted = making.read({"provider": "shouting", "options": options})
        return making.make(wanted, None, COUNT, Time().pace())

    return make


async def test_a_package_may_bring_a_summariser(shouting):
    done = await shouting(mark="?").summarise(TURN, 50)
    assert done == Made("SHIP IT TO BERLIN.?", "shouting:1")


async def test_where_it_raises_the_extractive_one_is_there_and_no_text_is_logged(shouting, caplog):
    done = await shouting(mark="raise").summarise(TURN, 50)
    assert (done.by, done.fallback) == ("extractive", "failed")
    assert "Berlin" not in caplog.text


def test_options_that_it_refuses_stop_the_start(shouting):
    with pytest.raises(ConfigError, match=r"shouting .* refuses its options"):
        shouting(volume=11)
