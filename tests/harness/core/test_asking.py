"""A session's request: the role's, with what this session changes and nothing else."""

from __future__ import annotations

from streamspec.harness.core.asking import request_of
from streamspec.harness.core.ports import Request
from streamspec.harness.core.script import Ask, Session

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
