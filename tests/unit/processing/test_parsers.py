"""Parsers by media type: what they read, and what they refuse, where and by which bound."""

import io

import pytest

from backstory import limits
from backstory.errors import MalformedError, TooLargeError, UnsupportedMediaError
from backstory.processing.parsers import PARSERS, parse, parser_for
from backstory.processing.parsers.results import Heading, Records, Table, Text, Value


def refused(body, content_type, error=MalformedError):
    with pytest.raises(error) as caught:
        parse(body, content_type)
    return caught.value


# -- the table -------------------------------------------------------------------------
def test_each_parser_gives_what_it_says():
    samples = {
        "json": b"{}",
        "json-lines": b"{}\n{}",
        "yaml": b"a: 1",
        "markdown": b"# A",
        "text": b"a",
        "html": b"<p>a",
        "csv": b"a,b\n1,2\n",
    }
    for media_type, parser in PARSERS.items():
        assert type(parse(samples[parser.name], media_type)) is parser.result


def test_types_with_a_suffix_are_read_as_what_it_names():
    assert parser_for("application/problem+json; charset=utf-8")[0].name == "json"
    assert parser_for("Application/VND.x+YAML")[0].name == "yaml"


@pytest.mark.parametrize("content_type", ["image/png", "", "x" * 300, "text/plain\n", "a/b/c"])
def test_other_types_are_refused(content_type):
    assert refused(b"", content_type, UnsupportedMediaError).status == 415


def test_a_body_over_the_parsers_bytes_is_refused_before_it_is_read():
    assert refused(b"[" * (limits.YAML_BYTES + 1), "application/yaml", TooLargeError)


# -- text ------------------------------------------------------------------------------
def test_text_is_read_by_its_charset_or_its_mark():
    assert parse("ä".encode("latin-1"), "text/plain; charset=ISO-8859-1") == Text("ä")
    assert parse("ä".encode("utf-16"), "text/plain") == Text("ä")
    assert parse(b"\xef\xbb\xbf\xc3\xa4", "text/plain; charset=utf-8") == Text("ä")
    assert parse("ä".encode("utf-16-be"), "text/plain; charset=utf-16") == Text("ä")


def test_a_wrong_charset_is_told_with_its_line():
    error = refused(b"a\nb\xe4", "text/plain")
    assert (error.context["offset"], error.context["line"]) == (3, 2)
    assert refused(b"\xff\xfea\x00", "text/plain; charset=utf-8", UnsupportedMediaError)
    assert "control character" in refused("ab".encode("utf-16-le"), "text/plain").detail


@pytest.mark.parametrize("charset", ["punycode", "unicode_escape", "zlib_codec", "x-none", "utf-7"])
def test_codecs_that_are_no_charsets_are_refused(charset):
    assert refused(b"a", f"text/plain; charset={charset}", UnsupportedMediaError)


# -- JSON and JSON Lines ---------------------------------------------------------------
def test_json_is_strict():
    assert parse(b'{"a": 1}', "application/json") == Value({"a": 1})
    assert refused(b'{"a": 1, "a": 2}', "application/json")
    assert refused(b"[NaN]", "application/json")


def test_json_lines_are_records_and_a_wrong_one_is_told_by_its_line():
    assert parse(b'{"a":1}\r\n\n[2]\n', "application/jsonl") == Records(({"a": 1}, [2]), (1, 3))
    assert refused(b"1\n\n{", "application/x-ndjson").context["line"] == 3
    long = b'"' + b"a" * limits.RECORD_BYTES + b'"'
    assert refused(long, "application/jsonl", TooLargeError).context["limit"] == "RECORD_BYTES"


# -- YAML ------------------------------------------------------------------------------
def test_yaml_means_what_its_json_would():
    body = b"""
base: &b {country: no, port: 0x1F, big: 1e3, none: ~, yes: "true", 1: one}
copy: *b
list:
- 2024-01-01
- |
  two
  lines
"""
    base = {"country": "no", "port": 31, "big": 1000.0, "none": None, "yes": "true", "1": "one"}
    wanted = {"base": base, "copy": base, "list": ["2024-01-01", "two\nlines\n"]}
    value = parse(body, "application/yaml").value
    assert value == wanted
    assert value["base"] is not value["copy"]


@pytest.mark.parametrize(
    ("body", "line", "column"),
    [
        (b"a: 1\na: 2", 2, 1),
        (b"a: !!python/object:os.system x", 1, 4),
        (b"a: &a [*a]", 1, 8),
        (b"a: *b", 1, 4),
        (b"? [1]\n: 2", 1, 3),
        (b"a: &x 1\n<<: *x", 2, 1),
        (b"a: .nan", 1, 4),
        (b"a: 99999999999999999999", 1, 4),
        (b"a: 999999999999999999999999", 1, 4),
        (b"--- 1\n--- 2", 2, 1),
        (b"a: [1", 2, 1),
        (b"a: 'x", 1, 6),
    ],
)
def test_yaml_that_is_no_json_is_told_with_its_place(body, line, column):
    context = refused(body, "application/yaml").context
    assert (context["line"], context["column"]) == (line, column)


def test_aliases_are_paid_for_with_all_they_stand_for():
    bomb = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (name, name, b",".join([b"*%c" % (name - 1)] * 9))
        for name in range(ord("b"), ord("j"))
    )
    assert refused(bomb, "application/yaml", TooLargeError).context["limit"] == "YAML_NODES"
    wide = b"a: &a " + b"x" * 100_000 + b"\nb: [" + b"*a, " * 50 + b"]"
    assert refused(wide, "application/yaml", TooLargeError).context["limit"] == "YAML_CHARS"


@pytest.mark.parametrize(
    ("body", "limit"),
    [
        (b"[" * 50_000, "JSON_DEPTH"),
        (b"- " * 50_000, "JSON_DEPTH"),
        (b"? [" * 50_000, None),
        (
            b"a: &a " + b"[" * 60 + b"]" * 60 + b"\nb: " + b"[" * 60 + b"*a" + b"]" * 60,
            "JSON_DEPTH",
        ),
        (b"".join(b"%%TAG !a%d! b\n" % i for i in range(50_000)), "YAML_DIRECTIVES"),
        (b"- a\n" * 100_001, "YAML_NODES"),
    ],
)
def test_yaml_is_bounded_while_it_is_read(body, limit):
    error = refused(body, "application/yaml", (TooLargeError, MalformedError))
    assert error.context.get("limit") == limit


# -- Markdown --------------------------------------------------------------------------
def test_markdown_gives_its_text_and_its_outline():
    body = b"# One *two*\n\ntext &amp; `code`\n\nSub\n---\n\n```\n# no heading\n```\n> ### Q\n"
    assert parse(body, "text/markdown") == Text(
        "One two\ntext & code\nSub\n# no heading\nQ",
        "One two",
        (Heading(1, "One two", 1), Heading(2, "Sub", 5), Heading(3, "Q", 11)),
    )


def test_html_inside_of_markdown_runs_nothing():
    body = b"a\n\n<script>alert(1)</script>\n\n<b>b</b>\n"
    assert parse(body, "text/markdown").text == "a\nb"


def test_quotes_inside_of_quotes_cost_no_more_than_their_bytes():
    assert parse(b">>>>>>>>\na\n" * 5_000, "text/markdown").text.count("a") == 5_000
    assert refused(b">" * 10_000 + b" a", "text/markdown", TooLargeError).context["limit"]


# -- HTML ------------------------------------------------------------------------------
def test_html_gives_what_a_reader_sees():
    body = b"""<!DOCTYPE html><html><head><title> A &amp; B </title><style>p{}</style></head>
    <body><h1>Head <em>ing</em></h1><p>one
    two<br>three</p><script>alert('<p>no</p>')</script><!-- no --><template>no</template>
    <ul><li>x</li><li>y</li></ul><table><tr><td>1</td><td>2</td></tr></table>
    <pre>  a
    b</pre></body></html>"""
    parsed = parse(body, "text/html")
    assert parsed.title == "A & B"
    assert parsed.outline == (Heading(1, "Head ing"),)
    assert parsed.text == "Head ing\none two\nthree\nx\ny\n1\t2\n  a\n    b"


def test_character_references_are_read_once():
    assert parse(b"&amp;lt;script&amp;gt; &lt;b&gt; &#60;i&#62;", "text/html").text == (
        "&lt;script&gt; <b> <i>"
    )


def test_entities_of_a_document_are_no_bomb():
    body = b'<!DOCTYPE html [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><p>&b;&b;</p>'
    assert len(parse(body, "text/html").text) < 100
    outside = b'<!DOCTYPE html [<!ENTITY a SYSTEM "file:///etc/passwd">]><p>&a;</p>'
    assert "root" not in parse(outside, "application/xhtml+xml").text


def test_html_says_its_charset_itself():
    assert parse(b'<meta charset="windows-1252"><p>\x80', "text/html").text == "\u20ac"
    assert (
        parse(b'<meta charset="windows-1252"><p>\xc3\xa4', "text/html; charset=utf-8").text == "ä"
    )
    assert refused(b"<p>\x80", "text/html")


@pytest.mark.parametrize("piece", [b"<div>", b"<b a=1>", b"<table><tr><td>"])
def test_html_is_bounded_in_depth(piece):
    error = refused(piece * 5_000, "text/html", TooLargeError)
    assert error.context["limit"] == "HTML_DEPTH"


@pytest.mark.parametrize("piece", [b"<a", b"<!--", b"</b>", b"&", b"<![CDATA[", b"<?", b"x</p>"])
def test_html_that_never_ends_is_read_to_its_end(piece):
    assert isinstance(parse(piece * 20_000, "text/html"), Text)


@pytest.mark.parametrize("body", [b"", b" ", b"<!-- only -->", b"<script>"])
def test_html_without_text_is_empty(body):
    assert parse(body, "text/html").text == ""


# -- CSV -------------------------------------------------------------------------------
def test_csv_gives_columns_and_rows_and_touches_no_formula():
    body = b'name,sum\r\n"a, b",=1+1\r\n\r\n"two\nlines",@x\r\n'
    assert parse(body, "text/csv") == Table(
        ("name", "sum"), (("a, b", "=1+1"), ("two\nlines", "@x"))
    )
    assert parse(b"1;2\n3;4\n", "text/csv; header=absent") == Table(
        None, (("1", "2"), ("3", "4")), ";"
    )
    assert parse(b"a b,c\n", "text/csv; delimiter=tab").columns == ("a b,c",)


def test_ragged_rows_are_told_by_the_lines_they_begin_in():
    error = refused(b'a,b\n"1\n1",2\n3\n4,5\n6,7,8\n', "text/csv; delimiter=comma")
    assert error.context["lines"] == [4, 6]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [(b'a,"b', "text/csv"), (b'a,"b"c\n', "text/csv"), (b"a", 'text/csv; delimiter="ab"')],
)
def test_csv_that_is_none_is_refused(body, content_type):
    assert refused(body, content_type)


def test_csv_is_bounded():
    wide = b"a" * (limits.CSV_CELL_CHARS + 1)
    assert refused(wide, "text/csv", TooLargeError).context["limit"] == "CSV_CELL_CHARS"
    many = io.BytesIO(b"," * 999 + b"\n").getvalue() * 1001
    assert refused(many, "text/csv", TooLargeError).context["limit"] == "CSV_CELLS"
    for tricky in (b',"' * 4000, b"\"',;" * 2000, b"\n" * 5000, b'"' * 9999):
        try:
            parse(tricky, "text/csv")
        except MalformedError:
            continue
