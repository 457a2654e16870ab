"""Addresses, tokens and proxies that cannot be used."""

import pytest
from fake_hub import OWNER_TOKEN

from smile_runtime import DependencyError
from smile_zoo.errors import AccessError, HubConnectionError, HubError
from smile_zoo.hub import Hub
from smile_zoo.hub.settings import checked_endpoint


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        ("https://user:s3cret@host", "contains a user name or password"),
        ("https://s3cret@host:99999", "is not a URL"),
        ("//user:s3cret@host", "contains a user name or password"),
        ("http://host:99999", "is not a URL (Port out of range 0-65535)"),
        ("http://host:port", "is not a URL"),
        ("http://[::1", "is not a URL (Invalid IPv6 URL)"),
        ("http://", "is 'http://', which does not begin with https://HOST"),
        ("host", "is 'host', which does not begin with https://HOST"),
        ("host:443", "is 'host:443', which does not begin"),
        ("file:///etc/passwd", "is 'file:///etc/passwd', which does not begin"),
        ("ftp://host", "is 'ftp://host', which does not begin"),
        ("https://host/?token=s3cret", "has a query or a fragment"),
        ("https://host#s3cret", "has a query or a fragment"),
        ("https://host\n", "contains a space, a control character or a letter that is not ASCII"),
        ("https://ho st", "contains a space"),
        ("https://host\x1b[2J", "contains a space, a control character"),
        ("https://hоst", "contains a space, a control character or a letter that is not ASCII"),
    ],
)
def test_address_that_is_refused(endpoint, text, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(HubError) as caught:
        checked_endpoint(None)
    assert f"the address of the Hub {text}" in str(caught.value)
    assert "; set HF_ENDPOINT to one such as https://huggingface.co" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("endpoint", ["https://host", "http://127.0.0.1:80/", "https://host/artifactory/api/hf"])
def test_address_that_is_taken(endpoint, monkeypatch):
    assert checked_endpoint(endpoint) == endpoint.rstrip("/")
    monkeypatch.setenv("HF_ENDPOINT", "")
    assert checked_endpoint(None) == "https://huggingface.co"


@pytest.mark.parametrize(
    "arguments", [["pull", "org/pbmc"], ["search", "--hub", "x"], ["doctor", "--json"], ["show", "org/pbmc"]]
)
def test_password_in_the_address_is_not_shown(machine, hub, arguments):
    endpoint = hub.endpoint.replace("//", "//user:s3cret@")
    done = machine.run("-v", *arguments, HF_ENDPOINT=endpoint)
    assert "s3cret" not in done.stdout + done.stderr
    assert "contains a user name or password" in done.stdout + done.stderr


@pytest.mark.parametrize("token", ["hf_a b", "hf_é", "hf_a\nb", "hf_\x1b"])
def test_token_that_cannot_be_sent(hub, token, machine):
    with pytest.raises(AccessError, match="the access token contains a space, a line break or a letter") as caught:
        Hub(endpoint=hub.endpoint, token=token, cache_dir=machine.cache).commit("org/pbmc", "main")
    assert token not in str(caught.value)
    assert hub.requests == []


@pytest.fixture
def new_session():
    """A session that reads the proxies of the environment, and none afterwards that did."""
    from huggingface_hub import close_session

    close_session()
    yield
    close_session()


@pytest.mark.usefixtures("new_session")
@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        ("socks5://127.0.0.1:9", DependencyError, r"the SOCKS proxy in ALL_PROXY needs the package socksio; install"),
        ("ftp://user:s3cret@127.0.0.1:9", HubConnectionError, "the proxy in ALL_PROXY is not an address such as"),
        ("http://user:s3cret@[::1", HubConnectionError, "the proxy in ALL_PROXY is not an address such as"),
        ("http://127.0.0.1:99999", HubConnectionError, "the proxy in ALL_PROXY is not an address such as"),
        ("http://127.0.0.1:port", HubConnectionError, "the proxy in ALL_PROXY is not an address such as"),
    ],
)
def test_proxy_that_cannot_be_used(hub, machine, pbmc, monkeypatch, value, error, text):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", value)
    with pytest.raises(error, match=text) as caught:
        Hub(endpoint=hub.endpoint, token=OWNER_TOKEN, cache_dir=machine.cache).require_usable()
    assert "s3cret" not in str(caught.value)
    assert hub.requests == []


def test_socks_proxy_is_one_line(machine, commit):
    stderr = machine.refused("pull", "org/pbmc", ALL_PROXY="socks5://127.0.0.1:9")
    assert len(stderr.splitlines()) == 1
    assert "[socks]', or unset the proxy" in stderr
    assert not machine.cache.exists() or not list(machine.cache.rglob("config.json"))
