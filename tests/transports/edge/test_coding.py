"""What comes in coded is decoded within bounds; what goes out is coded as the caller likes."""

import gzip
import zlib
from random import Random

import brotli
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory import limits, zstd
from backstory.errors import MalformedError, NotAcceptableError
from backstory.transports.edge import body
from backstory.transports.edge.coding.codecs import BROTLI, CODECS, GZIP, ZSTD
from backstory.transports.edge.coding.middleware import Coding
from backstory.transports.edge.coding.negotiating import choose
from backstory.transports.edge.coding.variants import Variants
from backstory.transports.edge.guard import Guard
from backstory.transports.edge.local_mode import LocalMode

DECODE = {"gzip": gzip.decompress, "br": brotli.decompress, "zstd": zstd.decompress}
BIG = b'{"text":"' + b"the same words again " * 500 + b'"}'
every_codec = pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)


def decoded(codec, coded, size=10_000):
    decoder = codec.decoder()
    pieces = []
    for start in range(0, len(coded), size):
        pieces += decoder.feed(coded[start : start + size])
    decoder.finish()
    return pieces


# -- codecs ----------------------------------------------------------------------------


@every_codec
@given(plain=st.binary(max_size=2000), size=st.integers(1, 300))
def test_what_is_coded_is_decoded_again_however_it_is_cut(codec, plain, size):
    assert b"".join(decoded(codec, codec.compress(plain), size)) == plain


@every_codec
@pytest.mark.parametrize("size", [limits.CODED_PIECE_BYTES, 10_000, 10**7])
@pytest.mark.parametrize("plain", [Random(2).randbytes(300_000), BIG * 40], ids=["noise", "text"])
def test_a_long_body_is_decoded_to_its_end(codec, plain, size):
    pieces = decoded(codec, codec.compress(plain), size)
    assert b"".join(pieces) == plain
    assert max(map(len, pieces)) <= 2 * limits.CODED_PIECE_BYTES


@every_codec
@given(parts=st.lists(st.binary(max_size=300), max_size=5))
def test_each_part_of_a_stream_can_be_read_when_it_comes(codec, parts):
    encoder, decoder = codec.encoder(), codec.decoder()
    for part in parts:
        if part:
            assert b"".join(decoder.feed(encoder.feed(part))) == part
    assert b"".join(decoder.feed(encoder.finish())) == b""
    decoder.finish()


@every_codec
def test_a_bomb_comes_out_in_small_pieces(codec):
    bomb = codec.compress(bytes(20 * limits.MIB))
    decoder = codec.decoder()
    pieces = decoder.feed(bomb)
    for _ in range(10):
        assert len(next(pieces)) <= 2 * limits.CODED_PIECE_BYTES


@every_codec
def test_a_body_that_is_cut_off_is_refused(codec):
    with pytest.raises(MalformedError):
        decoded(codec, codec.compress(BIG)[:-1])


@every_codec
@pytest.mark.parametrize("wrong", [b"plain text, not coded at all", b"\x00" * 40])
def test_a_body_that_is_not_coded_so_is_refused(codec, wrong):
    with pytest.raises(MalformedError):
        decoded(codec, wrong)


@every_codec
def test_something_behind_the_end_is_refused(codec):
    with pytest.raises(MalformedError):
        decoded(codec, codec.compress(BIG) + b"more")


# -- negotiation -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "codec"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("gzip", GZIP),
        ("x-gzip", GZIP),
        ("GZip, Br", BROTLI),
        ("gzip, deflate, br, zstd", ZSTD),
        ("gzip;q=1.0, br;q=0.8, zstd;q=0.5", GZIP),
        ("br;q=0, gzip", GZIP),
        ("*", ZSTD),
        ("zstd;q=0, *;q=0.5", BROTLI),
        ("gzip;q=0.5, identity", None),
        ("gzip;q=0.5, identity;q=0.1", GZIP),
        ("deflate", None),
        ("gzip;q=2", None),
        (";;,,=", None),
        ("gzip;q=0", None),
    ],
)
def test_the_coding_that_the_caller_likes_best_is_taken(accepted, codec):
    assert choose(accepted) is codec


@pytest.mark.parametrize("accepted", ["identity;q=0", "*;q=0", "deflate, identity;q=0, *;q=0"])
def test_one_who_takes_nothing_of_ours_is_told(accepted):
    with pytest.raises(NotAcceptableError):
        choose(accepted)


# -- the middleware --------------------------------------------------------------------


async def echo(scope, receive, send):
    """Answers what was sent, as JSON and under a tag."""
    answer = await body.read(scope, receive) or BIG
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(answer)),
        (b"etag", b'"7"'),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


def client(app=echo):
    transport = httpx.ASGITransport(Guard(Coding(app), LocalMode()))
    return httpx.AsyncClient(transport=transport, base_url="http://localhost")


async def raw(accept, app=echo):
    """Headers and undecoded bytes of an answer."""
    async with client(app) as http:
        request = http.build_request("GET", "/", headers={"accept-encoding": accept})
        response = await http.send(request, stream=True)
        return response, b"".join([chunk async for chunk in response.aiter_raw()])


@every_codec
async def test_a_large_answer_is_coded(codec):
    response, coded = await raw(codec.name)
    assert response.headers["content-encoding"] == codec.name
    assert response.headers["content-length"] == str(len(coded))
    assert response.headers["etag"] == f'"7-{codec.suffix}"'
    assert "accept-encoding" in response.headers["vary"].lower()
    assert DECODE[codec.name](coded) == BIG
    assert len(coded) < len(BIG) / 5


async def test_a_plain_answer_says_that_it_varies():
    response, plain = await raw("identity")
    assert "content-encoding" not in response.headers
    assert response.headers["etag"] == '"7"'
    assert plain == BIG


def answering(answer, *headers, parts=1):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": list(headers)})
        for part in range(parts):
            more = part < parts - 1
            await send({"type": "http.response.body", "body": answer, "more_body": more})

    return app


JSON = (b"content-type", b"application/json")


@pytest.mark.parametrize(
    "app",
    [
        answering(b"{}", JSON),
        answering(BIG, (b"content-type", b"image/png")),
        answering(BIG, (b"content-type", b"text/event-stream")),
        answering(BIG, JSON, (b"cache-control", b"no-transform")),
        answering(zlib.compress(BIG), JSON, (b"content-encoding", b"deflate")),
        answering(Random(1).randbytes(2048), JSON),
    ],
    ids=["small", "image", "events", "no-transform", "coded already", "no gain"],
)
async def test_what_is_not_worth_it_is_left_alone(app):
    response, _ = await raw("gzip", app)
    assert response.headers.get("content-encoding") != "gzip"


@every_codec
async def test_a_stream_is_coded_part_by_part(codec):
    response, coded = await raw(codec.name, answering(BIG, JSON, parts=3))
    assert response.headers["content-encoding"] == codec.name
    assert "content-length" not in response.headers
    assert DECODE[codec.name](coded) == BIG * 3


@every_codec
async def test_a_coded_body_is_read(codec):
    async with client() as http:
        headers = {"content-encoding": codec.name, "accept-encoding": "identity"}
        response = await http.post("/", content=codec.compress(BIG), headers=headers)
    assert response.content == BIG


@every_codec
async def test_a_bomb_is_refused_before_it_is_whole(codec):
    async with client() as http:
        bomb = codec.compress(bytes(limits.BODY_BYTES + 1))
        response = await http.post("/", content=bomb, headers={"content-encoding": codec.name})
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("coding", "sent", "status"),
    [
        ("gzip", b"plain", 400),
        ("gzip", gzip.compress(BIG)[:-9], 400),
        ("compress", b"x", 415),
        ("gzip, br", b"x", 415),
    ],
    ids=["mislabelled", "cut off", "unknown", "twice"],
)
async def test_a_body_that_cannot_be_decoded_is_refused(coding, sent, status):
    async with client() as http:
        response = await http.post("/", content=sent, headers={"content-encoding": coding})
    assert response.status_code == status


# -- variants --------------------------------------------------------------------------


def test_coded_variants_are_kept_within_a_bound():
    variants = Variants(most=1000)
    for number in range(50):
        variants.put(variants.key(GZIP, b"%d" % number), bytes(100))
    assert variants.size == 1000
    assert variants.get(variants.key(GZIP, b"49")) is not None
    assert variants.get(variants.key(GZIP, b"0")) is None


def test_a_variant_too_large_for_its_place_is_not_kept():
    variants = Variants(most=1000)
    variants.put(variants.key(GZIP, b"x"), bytes(500))
    assert variants.size == 0


def test_each_coding_has_a_variant_of_its_own():
    variants = Variants()
    variants.put(variants.key(GZIP, b"x"), b"coded")
    assert variants.get(variants.key(BROTLI, b"x")) is None
