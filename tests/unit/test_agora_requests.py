import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.agora import addresses, routes
from indexer.agora.codes import Call
from indexer.agora.failures import reason_in
from indexer.agora.request_shapes import SECRETS
from indexer.agora.secrecy import HIDDEN, redacted, secrets_of, without
from indexer.errors import ConfigError
from tests.bodies import ACQUIRED, SCREENSHOTS, UPDATED, WITH_RECORDING, Body, changed

TEXTS = st.text(max_size=12)
NAMES = st.sampled_from(["token", "accessKey", "secretKey", "stsToken", "SecretKEY", "access_key", "cname", "vendor"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | TEXTS, inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "name",
    [*sorted(SECRETS), "secretkey", "Access_Key", "screctKey", "acessKey", "tokn", "customerKey", "privateParams", ""],
)
def test_what_is_no_documented_harmless_key_is_hidden(name: str) -> None:
    assert redacted({"a": [{name: "x"}, {name: 5}]}) == {"a": [{name: HIDDEN}, {name: HIDDEN}]}
    assert redacted({name: ["x"]}) in ({name: HIDDEN}, {name: [HIDDEN]})
    assert set(secrets_of({"a": [{name: "x"}, {name: {"deep": ["y"]}}]})) == {"x", "y"}


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_all_that_stands_at_the_key_of_a_secret_is_one(name: str) -> None:
    for value in ("x", 123456, {"bucket": "x"}, ["x"]):
        assert redacted({name: value}) == {name: HIDDEN}
    assert set(secrets_of({name: {"bucket": ["x", 123456]}})) == {"x", "123456"}


@pytest.mark.parametrize("body", [SCREENSHOTS, WITH_RECORDING, ACQUIRED, UPDATED])
def test_of_a_right_body_nothing_but_secrets_is_hidden(body: Body) -> None:
    secret = ("request__token", "storage__accessKey", "storage__secretKey") if "token" in body["clientRequest"] else ()
    assert redacted(body) == changed(body, **dict.fromkeys(secret, HIDDEN))
    assert redacted({"extensionParams": {"endpoint": "h"}}) == {"extensionParams": {"endpoint": "h"}}
    assert redacted({"extensionParams": {"endpoint": "me:pass@h"}}) == {"extensionParams": {"endpoint": HIDDEN}}


@settings(max_examples=50)
@given(JSON)
def test_redacting_twice_hides_no_more(value: Any) -> None:
    hidden = redacted(value)
    assert redacted(hidden) == hidden
    assert set(secrets_of(hidden)) <= {HIDDEN}
    if "***" not in json.dumps(hidden):
        assert (hidden, list(secrets_of(value))) == (value, [])


def test_a_text_keeps_no_secret_also_where_one_holds_another() -> None:
    assert without(frozenset({"abcd", "abcdefgh", "yes"}), "abcdefgh abcd yes") == "*** *** yes"


@pytest.mark.parametrize("secret", ["LEAKSECRETKEY1", "leak  secret\tkey", "\u2003leaksecret"])
@pytest.mark.parametrize("before", [0, 185, 190, 196, 199, 200])
def test_no_part_of_a_secret_is_in_a_reason_that_is_cut(secret: str, before: int) -> None:
    told = reason_in({"reason": "x" * before + secret}, without_secrets=lambda text: without(frozenset({secret}), text))
    assert set(told) <= set("x*…")


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


@pytest.mark.parametrize(
    ("url", "other"),
    [
        ("https://api.agora.io", "https://api.sd-rtn.com"),
        ("https://api.sd-rtn.com", "https://api.agora.io"),
        ("https://api-eu-west-1.agora.io", "https://api-eu-west-1.sd-rtn.com"),
    ],
)
def test_the_third_attempt_goes_to_agoras_other_domain(url: str, other: str) -> None:
    assert addresses.of_attempts(url) == (url, url, other)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "https://example.com", "https://www.agora.io", "https://api.agora.io:8443"]
)
def test_nobody_else_has_another_domain(url: str) -> None:
    assert addresses.of_attempts(url) == (url,)
