"""What never leaves this process."""

from __future__ import annotations

import pytest

from streamspec.harness.core.event import Opened
from streamspec.harness.core.ports import Request
from streamspec.harness.core.redaction import BODY, REDACTED, is_secret, redacted, redacted_answer, redacted_url


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
