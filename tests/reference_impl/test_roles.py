"""The producers, driven without HTTP: what each sends, how it ends, and what is told of it."""

from __future__ import annotations

import asyncio
import json
import zlib
from typing import TYPE_CHECKING

import pytest
from stream_stories import run

from streamspec.reference_impl import bulk, payload, session
from streamspec.reference_impl.frame import Failed, Heartbeat, Item, RecordFailed
from streamspec.reference_impl.mount import Mount, mounted
from streamspec.reference_impl.roles import ROLES, TEXTS, resumed_after
from streamspec.reference_impl.routing import OVER, Asked, Refused
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.stream.marks import END

if TYPE_CHECKING:
    from streamspec.reference_impl.frame import Produced
    from streamspec.reference_impl.stream.marks import End


def _asked(path: str, query: str = "", last_event_id: str = "") -> tuple[Asked, Mount]:
    mount = mounted(Seams(), ROLES)
    answer = mount.answer("GET", path, query, (("last-event-id", last_event_id),) if last_event_id else ())
    assert not isinstance(answer, Refused)
    return answer.asked, mount


async def _sent(path: str, query: str = "", last_event_id: str = "") -> list[Produced | End]:
    asked, mount = _asked(path, query, last_event_id)
    received: list[Produced | End] = []
    async with session.producing(asked, mount) as stream:
        while not received or received[-1] is not END:
            received.append(await stream.receive())
    return received[:-1]


def _numbers(sent: list[Produced | End]) -> list[int]:
    return [frame.n for frame in sent if isinstance(frame, Item | RecordFailed)]


def test_large_sends_items_of_about_the_size_asked_for() -> None:
    sent = run(_sent("/large", "n=5&item_bytes=1000"))
    assert _numbers(sent) == [1, 2, 3, 4, 5]
    shown = [json.loads(payload.of(frame)) for frame in sent if isinstance(frame, Item)]
    assert [one["n"] for one in shown] == [1, 2, 3, 4, 5]
    assert all(len(one["text"]) == 960 for one in shown)


def test_large_goes_up_to_a_gibibyte() -> None:
    asked, _ = _asked("/large", "n=16777216&item_bytes=64")
    assert asked.values["n"] * asked.values["item_bytes"] == 2**30


def test_bulk_cannot_be_shrunk_by_much_more_than_its_alphabet_allows() -> None:
    text = "".join(bulk.text(n, 960) for n in range(1, 2000))
    assert len(zlib.compress(text.encode(), 9)) > len(text) * 0.74  # base64 says six bits in eight
    assert bulk.text(3, 960) == bulk.text(3, 960) != bulk.text(4, 960)


def test_bulk_has_any_number_of_texts_of_any_size() -> None:
    for n, chars in [(1, 0), (10**9, 1), (16_777_216, 24), (12345, bulk.LONGEST_TEXT_CHARS)]:
        assert len(bulk.text(n, chars)) == chars


def test_idle_sends_one_item_and_then_nothing() -> None:
    assert _numbers(run(_sent("/idle", "silent_ms=0"))) == [1]


def test_a_heartbeat_comes_whenever_nothing_else_does() -> None:
    async def story() -> list[bool]:
        asked, mount = _asked("/idle", "silent_ms=60000")
        async with session.producing(asked, mount) as stream:
            return [isinstance(await session._next_frame(stream, 0.001), Heartbeat) for _ in range(4)]

    assert run(story()) == [False, True, True, True]


def test_empty_ends_without_an_item() -> None:
    assert run(_sent("/empty")) == []


def test_text_sends_its_texts_bare() -> None:
    assert run(_sent("/text")) == [Item(n, text, bare=True) for n, text in enumerate(TEXTS, 1)]


def test_the_texts_hold_everything_that_tears_lines() -> None:
    everything = "".join(TEXTS)
    assert all(part in everything for part in ("\r\n", "\n\n", "\u2028", "\0", "\ufeff", "\U0001d11e"))
    assert any(text.endswith("\n") for text in TEXTS)
    assert not any(text.startswith("\ufeff") for text in TEXTS)  # at a stream's beginning it would be a mark


def test_every_so_and_so_manyth_record_fails() -> None:
    sent = run(_sent("/finite", "n=7&errors=3"))
    assert _numbers(sent) == [1, 2, 3, 4, 5, 6, 7]
    assert [frame.n for frame in sent if isinstance(frame, RecordFailed)] == [3, 6]


@pytest.mark.parametrize(("last_event_id", "numbers"), [("", [1, 2, 3, 4]), ("1", [2, 3, 4]), ("3", [4])])
def test_resumable_goes_on_behind_the_id(last_event_id: str, numbers: list[int]) -> None:
    assert _numbers(run(_sent("/resumable", "n=4&period_ms=0", last_event_id))) == numbers


def test_behind_the_last_id_it_is_over() -> None:
    assert mounted(Seams(), ROLES).answer("GET", "/resumable", "n=4", (("last-event-id", "4"),)) is OVER
    assert _numbers(run(_sent("/resumable", "n=0", ""))) == []  # one that was empty from its beginning is served


@pytest.mark.parametrize("last_event_id", ["0", "5", "01", "+1", "-1", " 1", "1 ", "x", "1.0", "²", "٣", "9" * 5000])
def test_an_id_that_was_never_given_is_refused(last_event_id: str) -> None:
    assert resumed_after(last_event_id, 4) is None
    refused = mounted(Seams(), ROLES).answer("GET", "/resumable", "n=4", (("last-event-id", last_event_id),))
    assert isinstance(refused, Refused)
    assert refused.status == 412


def test_a_stream_that_does_not_resume_takes_no_notice_of_the_id() -> None:
    assert _numbers(run(_sent("/finite", "n=2", "x"))) == [1, 2]


def test_endless_may_keep_its_first_item_waiting() -> None:
    async def story() -> bool:
        asked, mount = _asked("/endless", "first_item_ms=60000")
        async with session.producing(asked, mount) as stream:
            for _ in range(5):
                await asyncio.sleep(0)
            return stream.ready

    assert run(story()) is False


@pytest.mark.parametrize(
    ("path", "query", "total"),
    [
        ("/", "n=7", 7),
        ("/finite", "n=7", 7),
        ("/large", "n=7", 7),
        ("/empty", "", 0),
        ("/text", "", len(TEXTS)),
        ("/prompt", "", 2),
        ("/idle", "", 1),
        ("/resumable", "n=7", 7),
        ("/endless", "", None),
        ("/failing", "", None),
    ],
)
def test_a_role_knows_how_many_it_will_send_or_that_nobody_knows(path: str, query: str, total: int | None) -> None:
    asked, _ = _asked(path, query)
    assert asked.total == total


def test_what_remains_behind_an_id_is_what_was_asked_for() -> None:
    asked, _ = _asked("/resumable", "n=7", "5")
    assert asked.total == 2


def test_failing_tells_the_consumer_no_more_than_that_it_failed() -> None:
    async def story() -> object:
        asked, mount = _asked("/failing", "after=0")
        async with session.producing(asked, mount) as stream:
            return await session._next_frame(stream, 0)

    failed = run(story())
    assert isinstance(failed, Failed)
    assert failed.message == "the handler failed"
