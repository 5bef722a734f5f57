"""A session's request: the role's, with what this session changes and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Literal
from urllib.parse import unquote

import pytest

from streamspec.harness.core.asking import NOBODYS, items_asked_for, items_read, request_of
from streamspec.harness.core.event import Item
from streamspec.harness.core.ports import Request
from streamspec.harness.core.redaction import is_secret
from streamspec.harness.core.script import Account, Act, Ask, Cancel, Read, Script, Session
from streamspec.harness.core.steps import Complete, Generate, Send
from streamspec.harness.core.written import ASK, CANCEL, head, item, told, written

BASE = Request("http://x/dump?n={n}", headers=(("Accept", "text/event-stream"), ("accept-encoding", "identity")))


def of(*, backlog_mib: int = 0, item_bytes: int = 1_000, last_id: str = "", ask: Ask | None = None) -> Request:
    options = {"backlog_mib": backlog_mib} if backlog_mib else {}
    act = ask or Ask()
    return request_of(BASE, act, Session("large-1", "large", (act,), options=options), item_bytes, last_id)


def test_the_number_of_items_makes_the_backlog() -> None:
    assert of(backlog_mib=32).url == "http://x/dump?n=33555"
    assert 33_555 * 1_000 >= 32 * 2**20 > 33_554 * 1_000


def test_without_a_backlog_one_item_is_asked_for() -> None:
    assert of().url == "http://x/dump?n=1"


def test_a_usual_request_is_the_roles_own() -> None:
    assert of().headers == BASE.headers
    assert not of().malformed


def test_an_offered_coding_takes_the_place_of_identity() -> None:
    assert of(ask=Ask(coding="gzip")).headers == (("Accept", "text/event-stream"), ("Accept-Encoding", "gzip"))


def test_a_resume_says_the_last_id_or_the_one_that_the_script_names() -> None:
    assert of(ask=Ask(after="resumable-1"), last_id="7").headers[-1] == ("Last-Event-ID", "7")
    assert of(ask=Ask(behind="nonsense"), last_id="7").headers[-1] == ("Last-Event-ID", "nonsense")
    assert of(ask=Ask(after="resumable-1")).headers == BASE.headers


def test_a_malformed_request_is_marked() -> None:
    assert of(ask=Ask(malformed=True)).malformed


def test_another_method_and_another_version_take_the_places_of_the_roles_own() -> None:
    assert (of().method, of().version) == ("GET", "1.1")
    assert of(ask=Ask(method="STREAMSPEC")).method == "STREAMSPEC"
    assert of(ask=Ask(version="1.0")).version == "1.0"


KNOWN = replace(
    BASE, headers=(*BASE.headers, ("Authorization", "Bearer mine"), ("Cookie", "session=1"), ("X-Who", "me"))
)


@pytest.mark.parametrize(
    ("how", "left"),
    [("", ["Bearer mine"]), ("none", []), ("wrong", [f"Bearer {NOBODYS}"])],
)
def test_a_stranger_asks_without_any_secret_of_the_users(how: Literal["", "none", "wrong"], left: list[str]) -> None:
    act = Ask(credentials=how)
    asked = request_of(KNOWN, act, Session("look-1", "look", (act,)), 1)
    assert [value for name, value in asked.headers if name == "Authorization"] == left
    assert ("Cookie" in dict(asked.headers)) is (how == "")
    assert ("X-Who", "me") in asked.headers


def test_another_client_asks_with_his_own_credentials_alone() -> None:
    act = Ask(credentials="other")
    asked = request_of(KNOWN, act, Session("look-1", "look", (act,)), 1, other=(("Cookie", "session=2"),))
    told = {name: value for name, value in asked.headers if is_secret(name)}
    assert told == {"Cookie": "session=2"}
    assert ("X-Who", "me") in asked.headers


def test_credentials_that_nobody_hands_in_are_shown_as_left_out() -> None:
    act = Ask(credentials="other")
    assert dict(request_of(KNOWN, act, Session("look-1", "look", (act,)), 1).headers)["Authorization"] == (
        "[redacted: another client's]"
    )


@pytest.mark.parametrize(
    ("ask", "way"),
    [
        (Ask(coding="gzip", behind="7", narrow=True), ""),
        (Ask(malformed=True, method="STREAMSPEC"), "malformed"),
        (Ask(method="STREAMSPEC", version="1.0"), "method"),
        (Ask(version="1.0"), "1.0"),
        (Ask(pieces=1), ""),
        (Ask(script="{}"), "script"),
        (Ask(credentials="wrong", after="look-1"), "credentials"),
    ],
)
def test_what_is_unusual_in_a_request_has_one_word(ask: Ask, way: str) -> None:
    assert ask.way == way


# -- how far a session has read ----------------------------------------------------------------------------------------


def read(items: int) -> Read:
    return Read(items=items, budget="item_ms")


@pytest.mark.parametrize(
    ("acts", "items"),
    [
        ((Ask(), read(3), Cancel("rst")), 3),
        ((Ask(), read(3), Account(), read(2)), 5),
        ((Ask(), read(0)), None),
        ((Ask(), read(3), read(0)), None),
        ((Ask(), read(0), read(3)), None),
        ((Ask(), Cancel("rst")), 0),
        ((), 0),
    ],
)
def test_the_reads_of_a_session_ask_for_items_together_unless_one_goes_to_the_end(
    acts: tuple[Act, ...], items: int | None
) -> None:
    assert items_asked_for(acts) == items


def test_what_came_along_with_the_items_asked_for_is_not_read() -> None:
    history = written(*told("resumable-1", ASK, head(), *(item(n) for n in range(5)), *CANCEL))
    assert items_read(history, "resumable-1") == history.of(Item)  # a history by hand reads to its end
    script = Script((Session("resumable-1", "resumable", (Ask(), read(1), read(2), Cancel("rst"))),))
    history = replace(history, header=replace(history.header, script=script))
    assert items_read(history, "resumable-1") == history.of(Item)[:3]
    assert items_read(history, "resumable-2") == ()


def test_a_url_with_a_place_for_them_has_the_stream_s_id_and_the_session_s_script() -> None:
    base = Request("http://x/s?run={run}&script={script}")
    session = Session("script-1", "script", (Ask(),), steps=(Generate(2),), options={"idle_ms": 5})
    sent = request_of(base, Ask(), session, 1_000, run="a-1")
    assert sent.url == (
        "http://x/s?run=a-1&script=%7B%22steps%22:%5B%7B%22do%22:%22generate%22,%22n%22:2%7D%5D,%22idle_ms%22:5%7D"
    )


def test_a_script_cannot_make_a_place_of_its_own() -> None:
    session = Session("script-1", "script", (Ask(),), steps=(Send(('"{run}{n}{script}"',)),))
    sent = request_of(Request("http://x/s?script={script}"), Ask(), session, 1_000, run="a-1")
    assert json.loads(unquote(sent.url.partition("script=")[2]))["steps"][0]["items"] == ["{run}{n}{script}"]


def test_a_start_that_is_said_twice_is_followed_by_itself_where_it_has_an_id() -> None:
    session = Session("endless-1", "endless", ())
    base = Request("ws://x/s", body=b'{"id":{id},"type":"stream:start"}')
    sent = request_of(base, Ask(twice=True), session, 1, push="cancel")
    assert sent.push == sent.body.decode() == '{"id":"endless-1","type":"stream:start"}'
    # over HTTP/2 it would be a reset
    assert request_of(replace(base, body=b"{}"), Ask(twice=True), session, 1, push="reset").push == ""
    assert request_of(base, Ask(), session, 1, push="cancel").push == ""


def test_another_text_may_be_asked_for_in_the_place_of_a_script() -> None:
    base = Request("http://127.0.0.1:1/sse?run={run}&script={script}")
    session = Session("script-1", "script", (), steps=(Complete(),))
    assert request_of(base, Ask(script="no JSON"), session, 1, run="r1").url.endswith("run=r1&script=no%20JSON")
    assert request_of(base, Ask(pieces=7), session, 1, run="r1").pieces == 7
