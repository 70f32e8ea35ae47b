"""Heads of requests that parsers take for different things, byte by byte over a plain connection."""

import pytest

from attacking import next_answer

HOST = b"Host: context.example.com\r\n"
JSON = b"Content-Type: application/json\r\n"
PUT = b"PUT /v1/contexts/users.eve/smuggled HTTP/1.1\r\n" + HOST + JSON
BODY = b'{"kind":"session"}'
INNER = b"GET /v1/whoami HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"


def sent(attacked, *pieces):
    """What is answered to bytes, one after the other, until the server ends the connection."""
    answers = []
    with attacked.connect() as one, one.makefile("rb") as file:
        one.sendall(b"".join(pieces))
        while (found := next_answer(file)) is not None:
            answers.append(found)
            if found[1].get("connection") == "close" or found[0] == 400 or len(answers) > 3:
                break
    return answers


def authorized(attacked):
    return b"Authorization: Bearer " + attacked.attacker().token.encode() + b"\r\n"


SMUGGLED = {
    "both lengths": b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both, the other way": b"Transfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: %d\r\nContent-Length: 0\r\n\r\n",
    "two equal lengths": b"Content-Length: %d\r\nContent-Length: %d\r\n\r\n",
    "a list of lengths": b"Content-Length: %d, 0\r\n\r\n",
    "a plus sign": b"Content-Length: +%d\r\n\r\n",
    "a minus sign": b"Content-Length: -1\r\n\r\n",
    "hexadecimal": b"Content-Length: 0x10\r\n\r\n",
    "a huge length": b"Content-Length: 99999999999999999999999\r\n\r\n",
    "a space before the colon": b"Content-Length : %d\r\n\r\n",
    "a tab before the colon": b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
    "chunked is not last": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "another coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a coding in quotes": b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "a vertical tab": b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a folded line": b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a bare line feed": b"X: 1\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a bare carriage return": b"X: 1\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk size with a sign": b"Transfer-Encoding: chunked\r\n\r\n+12\r\n",
    "a chunk size too large": b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff0\r\n",
    "a chunk size of spaces": b"Transfer-Encoding: chunked\r\n\r\n \r\n",
    "a chunk without its end": b"Transfer-Encoding: chunked\r\n\r\n1\r\nxx0\r\n\r\n",
    "a chunk with a bare line feed": b"Transfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n",
    "NUL in a value": b"X: a\x00b\r\nContent-Length: 0\r\n\r\n",
    "NUL in a name": b"X\x00Y: a\r\nContent-Length: 0\r\n\r\n",
    "an empty name": b": a\r\nContent-Length: 0\r\n\r\n",
    "a space in a name": b"X Y: a\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_no_second_request_hides_in_the_first(attacked, name):
    """Either the first is refused as such, or what is behind is no request with a token."""
    head = SMUGGLED[name].replace(b"%d", b"%d" % len(BODY))
    answers = sent(attacked, PUT, authorized(attacked), head, BODY, INNER)
    statuses = [status for status, _, _ in answers]
    assert statuses, "no answer at all"
    assert all(status in (400, 401, 411, 413, 422, 501) for status in statuses), answers
    assert not any(b'"tenant"' in body for _, _, body in answers)


HEADS = {
    "two hosts": (HOST + b"Host: evil.example\r\n", 400),
    "no host": (b"", 400),
    "a foreign host": (b"Host: evil.example\r\n", 421),
    "a host with a user": (b"Host: evil@context.example.com\r\n", 421),
    "a host with a path": (b"Host: context.example.com/x\r\n", 421),
    "a host behind a comma": (b"Host: context.example.com, evil.example\r\n", 421),
    "a host with a dot behind": (b"Host: context.example.com.\r\n", 421),
    "a host with spaces": (b"Host: context.example.com evil.example\r\n", 421),
    "a host by the proxy's word": (b"Host: evil.example\r\nX-Forwarded-Host: context.example.com\r\n", 421),
    "a foreign page": (HOST + b"Origin: https://evil.example\r\n", 403),
    "a page of null": (HOST + b"Origin: null\r\n", 403),
    "two origins": (HOST + b"Origin: https://context.example.com\r\nOrigin: https://evil.example\r\n", 400),
    "an origin with a path": (HOST + b"Origin: https://context.example.com/x\r\n", 403),
    "an origin like ours": (HOST + b"Origin: https://context.example.com.evil.example\r\n", 403),
    "an origin with a user": (HOST + b"Origin: https://context.example.com@evil.example\r\n", 403),
    "two tokens": (HOST + b"Authorization: Bearer x\r\n", 400),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("path", [b"/v1/whoami", b"/mcp"])
def test_odd_heads_are_refused(attacked, name, path):
    head, status = HEADS[name]
    start = b"GET " + path + b" HTTP/1.1\r\n"
    (answer,) = sent(attacked, start, head, authorized(attacked), b"Connection: close\r\n\r\n")
    assert answer[0] == status


@pytest.mark.parametrize(
    "header",
    [
        b"X-HTTP-Method-Override: DELETE",
        b"X-Original-URL: /v1/kinds",
        b"X-Rewrite-URL: /v1/kinds",
        b"X-Forwarded-Prefix: /evil",
        b"X-Forwarded-For: 127.0.0.1",
        b"Forwarded: for=127.0.0.1;host=evil.example;proto=https",
        b"X-User: boss",
        b"X-Roles: admin",
        b"X-Tenant: other",
        b"Cookie: access_token=x",
        b"Traceparent: 00-\x0d-x-01",
        b"Traceparent: 00-00000000000000000000000000000000-0000000000000000-00",
        b"Tracestate: " + b"a=b," * 500,
        b"Baggage: " + b"a=b," * 500,
        b"Accept-Encoding: gzip;q=nan, br;q=-1, zstd;q=1e400",
        b"Range: bytes=" + b"0-0," * 3000 + b"0-0",
        b"If-None-Match: " + b'"1",' * 3000 + b'"1"',
        b"Accept: " + b"a/b;q=0.1," * 1500 + b"*/*",
        b"Prefer: wait=" + b"9" * 5000,
        b"Expect: 100-continue",
        b"Connection: authorization",
        b"Upgrade: h2c",
        b"Proxy-Authorization: Bearer x",
    ],
)
def test_headers_that_others_believe_change_nothing(attacked, header):
    start = b"GET /v1/whoami HTTP/1.1\r\n" + HOST
    (answer, *more) = sent(
        attacked, start, authorized(attacked), header, b"\r\nConnection: close\r\n\r\n"
    )
    assert not more
    status, _, body = answer
    assert status in (200, 400), answer
    if status == 200:
        assert b'"subject":"eve"' in body
        assert b'"roles":["member"]' in body
        assert b'"tenant":"acme"' in body


def test_nothing_that_is_sent_comes_back_as_a_header(attacked):
    forged = "a%0d%0aset-cookie:%20evil=1"
    eve = attacked.attacker()
    for path in (
        f"/v1/contexts/{forged}/x",
        f"/v1/kinds/{forged}",
        f"/v1/contexts?cursor={forged}",
    ):
        answer = eve.rest("GET", path)
        assert answer.status_code in (400, 404)
        assert "set-cookie" not in answer.headers
    eve.make("users.eve/typed", "document")
    for media in ("text/plain\r\nset-cookie: evil=1", 'text/html; charset="\r\n"', "a\x00b/c"):
        start = b"PUT /v1/contexts/users.eve/typed/content HTTP/1.1\r\n" + HOST
        found = sent(
            attacked,
            start,
            authorized(attacked),
            b"Content-Type: " + media.encode() + b"\r\nContent-Length: 1\r\n",
            b"Connection: close\r\n\r\nx",
        )
        assert all("set-cookie" not in headers for _, headers, _ in found)
    answer = eve.rest("GET", "/v1/contexts/users.eve/typed/content")
    assert "set-cookie" not in answer.headers


def test_a_method_that_nobody_knows_is_refused(attacked):
    for method in (b"TRACE", b"CONNECT", b"PROPFIND", b"PURGE", b"get", b"X" * 500):
        start = method + b" /v1/whoami HTTP/1.1\r\n" + HOST
        found = sent(attacked, start, authorized(attacked), b"Connection: close\r\n\r\n")
        assert found
        assert found[0][0] in (400, 405, 501), (method, found)
        assert b"Bearer" not in found[0][2]


def test_a_target_that_is_no_url_is_refused_and_leaves_no_trace(attacked):
    good = b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n"
    for line in (
        b"CONNECT 127.0.0.1:22", b"CONNECT [::1]:22", b"GET http://[::1", b"GET http://a:999999/",
    ):  # fmt: skip
        bad = line + b" HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
        assert [status for status, *_ in sent(attacked, bad)] == [400], line
        assert sent(attacked, good, bad)[-1][0] in (200, 400), line  # it may not wait for the first
    assert "Traceback" not in attacked.log()


TRAILERS = {
    "a token": (b"", b"Authorization: Bearer %s", 401),
    "another token": (b"Authorization: Bearer %s\r\n", b"Authorization: Bearer x", 200),
    "another host": (b"Authorization: Bearer %s\r\n", b"Host: evil.example", 200),
    "a foreign page": (b"Authorization: Bearer %s\r\n", b"Origin: https://evil.example", 200),
}


@pytest.mark.parametrize("name", TRAILERS)
def test_what_comes_behind_a_body_is_no_part_of_the_head(attacked, name):
    """Proxies look at the head only, and a trailer comes past what they take away or add."""
    head, trailer, status = TRAILERS[name]
    token = attacked.attacker().token.encode()
    head, trailer = head.replace(b"%s", token), trailer.replace(b"%s", token)
    start = b"GET /v1/whoami HTTP/1.1\r\n" + HOST + head + b"Transfer-Encoding: chunked\r\n\r\n"
    found = sent(attacked, start + b"0\r\n" + trailer + b"\r\n\r\n", INNER)
    assert [one[0] for one in found] == [status, 401]
