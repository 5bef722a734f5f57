"""Whatever a client says, it gets a stream that there is, or is told no: nothing is raised, and no handler begins."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import pytest
from framework_desk import Desk
from hypothesis import given
from hypothesis import strategies as st

from streamspec.reference_impl.mount import Answer
from streamspec.reference_impl.routing import Asked, Page, Refused
from streamspec.reference_impl.services.framework.faults import Misdeclared
from streamspec.reference_impl.services.framework.over_http import Http
from streamspec.reference_impl.services.framework.over_messages import methods, opener
from streamspec.reference_impl.services.framework.served_options import Options
from streamspec.reference_impl.services.hosting import mount_of
from streamspec.reference_impl.stream.errors import Code, StreamError

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

NAMES: Final = st.text() | st.sampled_from(["desk.count", "desk.sum", "desk.echo", "../desk.count", "desk.count\0"])
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
FIELDS: Final = st.lists(
    st.tuples(st.sampled_from(["accept", "x-request-id", "x-deadline-ms", "authorization"]), st.text()), max_size=4
).map(tuple)
QUERIES: Final[SearchStrategy[bytes]] = st.binary() | st.dictionaries(
    st.sampled_from(["n", "word", ""]) | st.text(), st.text() | st.integers().map(str)
).map(lambda given: urlencode(given, errors="replace").encode())


@given(st.text(), NAMES, QUERIES, FIELDS)
def test_any_request_is_answered(method: str, name: str, query: bytes, fields: tuple[tuple[str, str], ...]) -> None:
    desk = Desk()
    http = Http(desk.router, mount_of(), Options())
    for verb in (method, "GET"):
        answer = http.answer(verb, f"/streams/{name}", query, fields)
        assert isinstance(answer, Answer | Refused)
        if isinstance(answer, Answer):
            assert (verb, answer.asked.role.path) == ("GET", name)
        else:
            assert 400 <= answer.status < 600
            assert json.loads(answer.body())["error"]["message"]
    assert not desk.called


@given(st.text())
def test_any_path_is_answered(path: str) -> None:
    answer = Http(Desk().router, mount_of(), Options()).answer("GET", path, b"", ())
    assert isinstance(answer, Page) or (isinstance(answer, Refused) and answer.status == 404)


@given(NAMES, st.text() | JSON.map(json.dumps), FIELDS)
def test_any_start_is_answered(name: str, text: str, fields: tuple[tuple[str, str], ...]) -> None:
    desk = Desk()
    opened = opener(desk.router, Options())(name, text, fields, None)
    if isinstance(opened, StreamError):
        assert opened.code in {Code.NOT_FOUND, Code.INVALID_ARGUMENT}
    else:
        assert isinstance(opened, Asked)
        assert opened.role.path == name
    assert not desk.called


@given(st.floats(0, 10), st.integers(0, 10_000), st.none() | st.floats(0.001, 10))
def test_of_all_deadlines_the_soonest_counts(call_s: float, said_ms: int, usual_s: float | None) -> None:
    opens = opener(Desk().router, Options(deadline_s=usual_s))
    opened = opens("desk.count", "{}", (("x-deadline-ms", str(said_ms)),), call_s)
    assert isinstance(opened, Asked)
    assert opened.limits.deadline_s == min(call_s, said_ms / 1000, 10.0 if usual_s is None else usual_s)


@given(st.sets(st.from_regex(r"[a-z]{1,3}(\.[a-z]{1,3}){0,3}", fullmatch=True), max_size=6))
def test_every_stream_has_a_method_of_its_own_unless_another_bears_its_name(names: set[str]) -> None:
    desk = Desk()
    for name in names:
        desk.router.stream(name).handler(lambda: None)
    found = methods(desk.router)
    wanted = {method.wants for method in found.values()}
    assert wanted == {procedure.name for procedure in desk.router.procedures()} - (
        {name for name in names if f"streams.{name}" in names}
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"envelopes": "mine"},
        {"high_water_mark": -1},
        {"high_water_mark": 65_537},
        {"heartbeat_ms": -1},
        {"deadline_s": 0},
        {"idle_s": -1},
        {"send_timeout_s": 86_401},
        {"websocket_path": "ws"},
        {"high_water_mark": 1.5},
        {"high_water_mark": True},
        {"high_water_mark": "16"},
        {"heartbeat_ms": 1.5},
        {"heartbeat_ms": None},
        {"deadline_s": "1"},
        {"idle_s": True},
        {"idle_s": float("nan")},
        {"envelopes": ["docs"]},
        {"websocket_path": None},
        {"new_id": "id"},
    ],
)
def test_an_option_out_of_its_bounds_is_refused_at_start(wrong: dict[str, Any]) -> None:
    with pytest.raises(Misdeclared):
        Options(**wrong)
