"""Redirect URIs, client IDs that are URLs, and addresses that may be asked."""

import pytest

from backstory.errors import InvalidError
from backstory.security.authority import redirects, scopes
from backstory.security.authority.documents import host_of, is_document_url
from backstory.security.authority.fetching import is_public

NEAR = "http://127.0.0.1/callback"


@pytest.mark.parametrize(
    ("uri", "registered", "fits"),
    [
        ("http://127.0.0.1:1/callback", NEAR, True),
        ("http://127.0.0.1:65535/callback", "http://127.0.0.1:80/callback", True),
        ("http://[::1]:5/callback", "http://[::1]/callback", True),
        ("http://localhost:5/cb?x=1", "http://localhost/cb?x=1", True),
        ("https://a.example/cb", "https://a.example/cb", True),
        ("app.example:/cb", "app.example:/cb", True),
        ("http://localhost:1/callback", NEAR, False),
        ("http://127.0.0.1:1/callback/", NEAR, False),
        ("http://127.0.0.1:1/callback#x", NEAR, False),
        ("http://127.0.0.1:1/%63allback", NEAR, False),
        ("http://127.0.0.1:x/callback", NEAR, False),
        ("http://127.0.0.1:99999/callback", NEAR, False),
        ("http://u@127.0.0.1:1/callback", NEAR, False),
        ("http://127.0.0.1\\@evil.example/callback", NEAR, False),
        ("http://127.0.0.2:1/callback", NEAR, False),
        ("HTTP://127.0.0.1:1/callback", NEAR, False),
        ("https://a.example:8443/cb", "https://a.example/cb", False),
        ("https://A.example/cb", "https://a.example/cb", False),
        ("https://a.example/cb/../cb", "https://a.example/cb", False),
        ("https://a.example/cb\n", "https://a.example/cb", False),
        ("", "https://a.example/cb", False),
    ],
)
def test_only_the_port_of_this_machine_is_free(uri, registered, fits):
    assert redirects.is_one_of(uri, ["https://other.example/", registered]) is fits


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "http://example.com/",
        "https:///x",
        "/relative",
        "https://a.example/#x",
        "https://u:p@a.example/",
        "https://ä.example/",
        "https://a.example/" + "x" * 3000,
    ],
)
def test_nobody_registers_a_redirect_that_leads_astray(uri):
    with pytest.raises(InvalidError):
        redirects.check(uri)


def test_a_form_leads_where_the_redirect_does():
    assert redirects.form_source("https://a.example:8443/cb?x=1") == "https://a.example:8443"
    assert redirects.form_source("cursor://x/cb") == "cursor:"
    assert redirects.form_source("http://[::1]:5/cb") == "http:"  # no source of CSP has brackets


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("https://a.example/client.json", True),
        ("https://a.example:8443/x/client", True),
        ("https://a.example", False),
        ("https://a.example/", False),
        ("http://a.example/client.json", False),
        ("https://a.example/x/../client.json", False),
        ("https://a.example/client.json#x", False),
        ("https://u@a.example/client.json", False),
        ("https://a.example:0/client.json", False),
        ("https://a.example:x/client.json", False),
        ("https:///client.json", False),
        ("https://a.example/" + "x" * 300, False),
        ("https://ä.example/client.json", False),
        ("desk", False),
    ],
)
def test_a_client_id_is_a_document_only_as_an_https_url_with_a_path(url, is_one):
    assert is_document_url(url) is is_one
    assert bool(host_of(url)) is is_one


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("192.0.2.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2001:0:7f00:1::", False),
        ("::127.0.0.1", False),
        ("x", False),
    ],
)
def test_only_addresses_of_the_internet_are_asked(address, public):
    assert is_public(address) is public


def test_scopes_that_are_known_are_given():
    asked = "context:read openid context:write:users.ada.* context:read context:x context:read:A!"
    assert scopes.known(asked) == "context:read context:write:users.ada.*"
    assert scopes.known("openid profile") is None
