import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.agora import addresses, routes
from indexer.agora.codes import Call
from indexer.agora.secrecy import HIDDEN, is_secret, redacted, secrets_of, without
from indexer.errors import ConfigError

TEXTS = st.text(max_size=12)
NAMES = st.sampled_from(["token", "accessKey", "secretKey", "stsToken", "SecretKEY", "access_key", "cname", "vendor"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | TEXTS, inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "name",
    ["token", "accessKey", "secretKey", "stsToken", "secret", "salt", "secretkey", "Access_Key", "customerSecret"],
)
def test_what_is_secret_is_known_by_its_name(name: str) -> None:
    assert is_secret(name)
    assert redacted({"a": [{name: "x"}, {name: {"deep": "x"}}]}) == {"a": [{name: HIDDEN}, {name: HIDDEN}]}
    assert set(secrets_of({"a": [{name: "x"}, {name: {"deep": ["y"]}}]})) == {"x", "y"}


@pytest.mark.parametrize("name", ["cname", "uid", "bucket", "vendor", "region", "fileNamePrefix", "stsExpiration"])
def test_what_is_needed_to_read_a_request_is_not_secret(name: str) -> None:
    assert not is_secret(name)


@settings(max_examples=100)
@given(JSON)
def test_redacting_hides_each_secret_and_nothing_else(value: Any) -> None:
    hidden = redacted(value)
    assert redacted(hidden) == hidden
    assert set(secrets_of(hidden)) <= {HIDDEN}
    if not list(secrets_of(value)) and "***" not in json.dumps(hidden):
        assert hidden == value


def test_a_text_keeps_no_secret_also_where_one_holds_another() -> None:
    assert without(frozenset({"abcd", "abcdefgh", "yes"}), "abcdefgh abcd yes") == "*** *** yes"


@settings(max_examples=100)
@given(JSON)
def test_a_body_is_sent_as_the_json_it_is(value: Any) -> None:
    content = routes.content(value)
    assert content.isascii()
    assert json.loads(content) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b""])
def test_what_json_cannot_say_is_not_sent(value: object) -> None:
    with pytest.raises(ConfigError, match="cannot be written as JSON"):
        routes.content({"clientRequest": value})


def test_the_routes_are_the_documented_ones() -> None:
    app = "/v1/apps/A/cloud_recording"
    session = f"{app}/resourceid/R/sid/S/mode/individual"
    found = [
        routes.acquire("A", {}),
        routes.start("A", "R", {}),
        routes.query("A", "R", "S"),
        routes.update("A", "R", "S", {}),
        routes.stop("A", "R", "S", cname="c", uid="1", async_stop=False),
    ]
    assert [(request.call, request.method, request.path) for request in found] == [
        (Call.ACQUIRE, "POST", f"{app}/acquire"),
        (Call.START, "POST", f"{app}/resourceid/R/mode/individual/start"),
        (Call.QUERY, "GET", f"{session}/query"),
        (Call.UPDATE, "POST", f"{session}/update"),
        (Call.STOP, "POST", f"{session}/stop"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://api.agora.io", "https://api.agora.io"),
        (" https://API.agora.io:443/ ", "https://api.agora.io:443"),
        ("https://gateway.example.com/agora//", "https://gateway.example.com/agora"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost", "http://localhost"),
        ("http://[::1]:9/", "http://[::1]:9"),
    ],
)
def test_an_address_is_kept_as_it_is_used(text: str, expected: str) -> None:
    assert addresses.base_url(text) == expected
    assert addresses.base_url(expected) == expected


@pytest.mark.parametrize(
    "text", ["https://h?a=b", "https://h#x", "https://u@h", "https://u:p@h", "https://é.io", "http:"]
)
def test_an_address_that_cannot_be_one_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        addresses.base_url(text)


def test_agora_has_a_second_domain_and_nobody_else() -> None:
    assert addresses.alternate("https://api.agora.io") == "https://api.sd-rtn.com"
    assert addresses.alternate("https://api.sd-rtn.com") == "https://api.agora.io"
    assert addresses.alternate("https://api-eu-west-1.agora.io") == "https://api-eu-west-1.sd-rtn.com"
    for url in ("http://127.0.0.1:8080", "https://example.com", "https://www.agora.io", "https://api.agora.io:8443"):
        assert addresses.alternate(url) is None
