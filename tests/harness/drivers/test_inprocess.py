"""The inprocess driver: what an object offers is read from its shape, and its answers without knowing its types."""

from __future__ import annotations

import asyncio
import enum
import queue
from typing import Any

import anyio
import pytest
from honest_objects import Awaited, Blocking, Refused

from streamspec.harness.assembly import all_adapters
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.ports import Answer
from streamspec.harness.drivers.inprocess import INPROCESS

ADAPTERS = all_adapters()


def features(factory: Any, *claims: str) -> frozenset[str]:
    return INPROCESS.look("x:y", factory, ADAPTERS, frozenset(claims)).features


def test_an_awaited_object_offers_what_it_has() -> None:
    target = INPROCESS.look("x:y", Awaited, ADAPTERS, frozenset())
    assert target.kind == "asyncio"
    assert target.features == {
        *("complete", "error", "cancel", "listeners", "buffered", "capacity", "default-capacity", "abandon"),
    }
    assert target.declared == {"capacity": 2}


def test_a_blocking_object_offers_what_it_has() -> None:
    target = INPROCESS.look("x:y", Blocking, ADAPTERS, frozenset())
    assert target.kind == "threads"
    assert target.features == {"complete", "cancel", "iterate", "capacity", "default-capacity"}


def test_every_feature_is_a_need_that_is_met() -> None:
    target = INPROCESS.look("x:y", Awaited, ADAPTERS, frozenset())
    assert {"object", "object:asyncio", "seq", "feature:complete"} <= target.needs()
    assert "wire" not in target.needs()


def test_what_no_look_shows_can_be_claimed_by_word_by_factory_or_by_object() -> None:
    class Claims(Awaited):
        claims = ("rendezvous",)

    def make(capacity: int = 2) -> Awaited:
        return Awaited(capacity)

    make.claims = {"concurrent-senders"}  # type: ignore[attr-defined]
    assert "rendezvous" in features(Claims)
    assert "concurrent-senders" in features(make)
    assert "rendezvous" in features(Awaited, "rendezvous")
    assert not features(Awaited) & {"rendezvous", "concurrent-senders"}


def test_a_claim_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="rendezvous, concurrent-senders"):
        features(Awaited, "speed")


@pytest.mark.parametrize(
    ("factory", "why"),
    [
        (dict, "no send and no receive"),
        (asyncio.Event, "no send and no receive"),
        (lambda: 1 / 0, "ZeroDivisionError: division by zero"),
        (int.to_bytes, "TypeError"),
    ],
)
def test_a_factory_that_makes_no_stream_is_refused_with_the_reason(factory: Any, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        features(factory)


@pytest.mark.parametrize("name", ["capacity", "maxsize", "max_buffer_size", "high_water_mark"])
def test_a_capacity_goes_by_several_names(name: str) -> None:
    named: dict[str, Any] = {"Awaited": Awaited}
    exec(f"def factory({name}=1): return Awaited({name})", named)
    assert INPROCESS.make(named["factory"], (), {"capacity": 7}).capacity == 7
    assert "capacity" in features(named["factory"])


def test_durations_are_given_in_seconds() -> None:
    class Timed(Awaited):
        def __init__(self, deadline_s: float = 0, send_timeout_s: float = 0) -> None:
            super().__init__()
            self.given = (deadline_s, send_timeout_s)

    made = INPROCESS.make(Timed, (), {"deadline_ms": 1500, "send_timeout_ms": 20})
    assert made.given == (1.5, 0.02)
    assert {"deadline", "send-timeout"} <= features(Timed)


class Code(enum.Enum):
    CANCELLED = 1


class Coded(Exception):
    def __init__(self, code: Any) -> None:
        super().__init__("told")
        self.code = code


@pytest.mark.parametrize(
    ("raised", "code", "end"),
    [
        (Refused("CANCELLED"), "CANCELLED", False),
        (Coded(Code.CANCELLED), "CANCELLED", False),
        (Coded("gkpj"), "", False),
        (Coded(14), "", False),
        (Coded(lambda: 14), "", False),
        (ValueError("no"), "", False),
        (EOFError(), "", True),
        (StopIteration(), "", True),
        (StopAsyncIteration(), "", True),
        (asyncio.CancelledError(), "", False),
    ],
)
def test_an_exception_is_read_by_its_code_and_its_type(raised: BaseException, code: str, *, end: bool) -> None:
    found = INPROCESS.refusal(raised)
    assert (found.code, found.kind, found.end) == (code, type(raised).__name__, end)


def test_an_object_may_say_end_with_a_mark_of_its_own() -> None:
    class Marked(Awaited):
        END = object()

    stream = Marked()
    assert INPROCESS.read(stream, Marked.END) == Answer("end")
    assert INPROCESS.read(stream, "a:1") == Answer("item", "a:1")
    assert INPROCESS.read(Awaited(), None) == Answer("item", "None")


def test_words_of_strangers_are_made_inert() -> None:
    found = INPROCESS.refusal(Coded("\x1b[31mRED\x1b[0m"))
    assert "\x1b" not in found.code + found.message


@pytest.mark.parametrize(
    ("factory", "adapter", "kind"),
    [
        (asyncio.Queue, "asyncio.Queue", "asyncio"),
        (queue.Queue, "queue.Queue", "threads"),
        (anyio.create_memory_object_stream, "anyio memory object stream", "asyncio"),
    ],
)
def test_somebody_elses_object_is_adapted(factory: Any, adapter: str, kind: str) -> None:
    target = INPROCESS.look("x:y", factory, ADAPTERS, frozenset())
    assert (target.adapter, target.kind) == (adapter, kind)
    assert {"capacity", "concurrent-senders", "buffered"} <= target.features
    assert ("rendezvous" in target.features) is (adapter.startswith("anyio"))
    assert "default-capacity" not in target.features
