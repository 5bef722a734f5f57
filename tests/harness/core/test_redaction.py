"""What never leaves this process."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streamspec.harness.core.event import Item, Opened
from streamspec.harness.core.ports import Request
from streamspec.harness.core.redaction import (
    BODY,
    REDACTED,
    is_secret,
    redacted,
    redacted_answer,
    redacted_command,
    redacted_url,
    secrets_of,
    without_echo,
)


@pytest.mark.parametrize(
    "name",
    [
        *("Authorization", "PROXY-AUTHORIZATION", "Cookie", "Set-Cookie", "X-Api-Key", "api_key", "apikey", "key"),
        *("X-Auth-Token", "access_token", "client_secret", "password", "X-Amz-Signature", "sig", "sessionid"),
    ],
)
def test_a_secret_is_known_by_its_name(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["Accept", "Content-Type", "author", "n", "keyword", "Last-Event-ID", "model"])
def test_an_ordinary_name_is_none(name: str) -> None:
    assert not is_secret(name)


def test_a_request_loses_its_secrets_and_nothing_else() -> None:
    request = Request(
        "http://x/?a=1&token=hunter2#t", "PUT", (("X", "y"), ("Cookie", "hunter2")), b"hunter2", malformed=True
    )
    told = redacted(request)
    assert told == Request(
        f"http://x/?a=1&token={REDACTED}#t", "PUT", (("X", "y"), ("Cookie", REDACTED)), BODY, malformed=True
    )


def test_an_answer_keeps_its_cookies_to_itself() -> None:
    opened = Opened(200, "OK", "HTTP/1.1", (("Set-Cookie", "s=hunter2"), ("Content-Type", "text/event-stream")))
    assert redacted_answer(opened).headers == (("Set-Cookie", REDACTED), ("Content-Type", "text/event-stream"))


@pytest.mark.parametrize("url", ["http://x/", "http://x/?", "http://x/?a", "http://x/?a=&b=c", "http://x/token=1"])
def test_a_url_without_secrets_stays_as_it_is(url: str) -> None:
    assert redacted_url(url) == url


@pytest.mark.parametrize(
    "name", ["Ocp-Apim-Subscription-Key", "X-Functions-Key", "access_key", "X-JWT", "pwd", "X-CSRF"]
)
def test_other_names_of_secrets_are_known_too(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize("name", ["monkey", "keys", "passage", "bypass", "compass"])
def test_a_name_that_only_looks_alike_is_none(name: str) -> None:
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://x/?a=1;token=hunter2", f"http://x/?a=1;token={REDACTED}"),
        ("http://x/?api%5Fkey=hunter2&b=1", f"http://x/?api%5Fkey={REDACTED}&b=1"),
        ("http://x/#access_token=hunter2", f"http://x/#access_token={REDACTED}"),
    ],
)
def test_every_spelling_of_a_parameter_is_read(url: str, shown: str) -> None:
    assert redacted_url(url) == shown


@pytest.mark.parametrize("name", ["Location", "Content-Location", "Link", "Refresh"])
def test_a_header_that_repeats_the_query_keeps_its_secrets(name: str) -> None:
    opened = Opened(302, "", "HTTP/1.1", ((name, "0; </next?n=1&token=hunter2>; rel=next"),))
    assert redacted_answer(opened).headers == ((name, f"0; </next?n=1&token={REDACTED}>; rel=next"),)


@pytest.mark.parametrize("value", ["text/event-stream; charset=utf-8", "text/event-stream;charset=utf-8", "max-age=0"])
def test_an_ordinary_header_value_stays_as_it_is(value: str) -> None:
    opened = Opened(200, "OK", "HTTP/1.1", (("Content-Type", value),))
    assert redacted_answer(opened) == opened


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("serve --port {port}", "serve --port '{port}'"),
        ("serve --token hunter2 -v", f"serve --token '{REDACTED}' -v"),
        ("serve --token --v", "serve --token --v"),
        ("serve --api-key=hunter2", f"serve '--api-key={REDACTED}'"),
        ("env SECRET_KEY=hunter2 serve", f"env 'SECRET_KEY={REDACTED}' serve"),
        ("serve -H 'Authorization: hunter2'", f"serve -H 'Authorization: {REDACTED}'"),
        ("serve 'http://x/?sig=hunter2'", f"serve 'http://x/?sig={REDACTED}'"),
        ("serve '--token hunter2", REDACTED),
    ],
)
def test_a_command_line_loses_its_secrets(command: str, shown: str) -> None:
    assert redacted_command(command) == shown


def test_what_a_target_repeats_of_a_secret_is_known() -> None:
    request = Request(
        "http://x/?token=hunter2hunter2", headers=(("Authorization", "Bearer swordfish99"), ("X", "plain"))
    )
    secrets = secrets_of((request,))
    assert secrets == ("Bearer swordfish99", "hunter2hunter2", "swordfish99")
    opened = Opened(401, "no swordfish99", "HTTP/1.1", (("X", "hunter2hunter2, plain"),))
    assert without_echo(opened, secrets) == Opened(401, f"no {REDACTED}", "HTTP/1.1", (("X", f"{REDACTED}, plain"),))
    item = Item(0, 12, "0" * 16, "Bearer swordfish99", 0, kept={"seen": "swordfish99", "n": 1})
    assert without_echo(item, secrets) == replace(item, prefix=REDACTED, kept={"seen": REDACTED, "n": 1})


def test_an_event_without_an_echo_is_the_same() -> None:
    opened = Opened(200, "OK", "HTTP/1.1", ())
    assert without_echo(opened, ("swordfish99",)) is opened


def test_a_short_value_is_no_secret_to_search_for() -> None:
    assert secrets_of((Request("http://x/?token=ok", headers=(("Cookie", "a=1"),)),)) == ()


@pytest.mark.parametrize("value", ["'canary'", '"canary"', "a'canary'b", 'x"canary"'])
def test_a_quoted_value_of_a_secret_parameter_goes_whole(value: str) -> None:
    assert "canary" not in redacted_url(f"http://x/?n=1&token={value}&m=2")
    assert redacted_url(f"http://x/?n='1'&token={value}&m=2").startswith("http://x/?n='1'&token=")


def test_a_text_goes_on_behind_a_quoted_url() -> None:
    assert (
        redacted_url("asked 'http://x/?token=canary' and got 404") == "asked 'http://x/?token=[redacted]' and got 404"
    )
