"""What the scenarios of WebSocket and length-framed TCP must keep, beyond what the house asks of every one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from streamspec.harness.core.limits import BUDGETS_MS
from streamspec.harness.core.raw import RAW, raw_octets
from streamspec.harness.core.script import Ask, Await, Cancel, Read, Say, Write
from streamspec.scenarios.conformance import (
    framed,
    framed_malformed,
    websocket_frames,
    websocket_malformed,
    websocket_streams,
)

if TYPE_CHECKING:
    from streamspec.harness.core.case import Scenario
    from streamspec.harness.core.script import Session

MALFORMED: Final = (
    *(websocket_malformed.MALFORMED, websocket_malformed.HOSTILE),
    *(framed_malformed.GARBAGE, framed_malformed.LENGTHS),
)
ALL: Final = (
    *(websocket_frames.CLOSE, websocket_frames.FRAGMENTS, websocket_frames.FRAGMENTS_ECHOED),
    *(websocket_frames.BAD_TEXT, websocket_frames.BAD_TEXT_ALONE, websocket_frames.PING_ALONE),
    *(websocket_streams.SHARED, framed.SEGMENTS, framed_malformed.SLOW, *MALFORMED),
)


def of(scenario: Scenario) -> tuple[Session, ...]:
    return scenario.script.sessions


def written(session: Session) -> list[str]:
    return [act.what for act in session.acts if isinstance(act, Write)]


@pytest.mark.parametrize("scenario", ALL, ids=lambda s: s.id)
def test_what_is_written_is_of_the_binding(scenario: Scenario) -> None:
    names = {name for session in of(scenario) for name in written(session)}
    prefix = "tcp-" if "carrier:framed" in scenario.needs else "ws-"
    assert names
    assert {name for name in names if name not in RAW or not name.startswith(prefix)} == set()


@pytest.mark.parametrize("scenario", MALFORMED, ids=lambda s: s.id)
def test_each_round_has_a_neighbour_and_somebody_who_comes_when_all_have_written(scenario: Scenario) -> None:
    for n in (1, 2, 3):
        (stays,) = [s for s in of(scenario) if s.id == f"endless-beside-{n}"]
        (anew,) = [s for s in of(scenario) if s.id == f"look-after-{n}"]
        writers = [s for s in of(scenario) if s.id.endswith(f"-{n}") and written(s)]
        assert [act.session for act in anew.acts if isinstance(act, Await)] == [s.id for s in writers]
        assert all(
            act.acts == len(w.acts) for act, w in zip(anew.acts, writers, strict=False) if isinstance(act, Await)
        )
        assert [act.session for act in stays.acts if isinstance(act, Await)] == [anew.id]
        assert isinstance(stays.acts[-1], Read)


@pytest.mark.parametrize("scenario", MALFORMED, ids=lambda s: s.id)
def test_what_may_harm_comes_last_and_alone(scenario: Scenario) -> None:
    assert scenario.order == 9
    assert scenario.exclusive


def test_a_close_comes_long_enough_behind_a_ping_that_it_need_not_excuse_its_silence() -> None:
    (session,) = of(websocket_frames.PING_ALONE)
    *_, waits, _, _ = session.acts
    assert isinstance(waits, Read)
    assert BUDGETS_MS[waits.budget] >= 1_000


def test_bad_text_is_followed_by_a_stream_on_the_same_connection() -> None:
    first, second = of(websocket_frames.BAD_TEXT)
    assert [act.on for act in second.acts if isinstance(act, Ask)] == [first.id]
    await_ = second.acts[0]
    assert isinstance(await_, Await)
    assert any(isinstance(act, Write) for act in first.acts[: await_.acts])


def test_compression_stands_between_two_streams_without() -> None:
    for scenario in (websocket_streams.COMPRESSED, websocket_streams.COMPRESSED_TEXT):
        offers = [act.offers for session in of(scenario) for act in session.acts if isinstance(act, Ask)]
        assert offers == ["", "permessage-deflate", ""]


def test_a_shared_connection_is_closed_in_every_way_when_all_of_its_streams_have_begun() -> None:
    ways = [act for s in of(websocket_streams.SHARED) for act in s.acts if isinstance(act, Cancel | Write)]
    assert ways == [Cancel("fin"), Cancel("rst"), Write("ws-close")]
    for first, second in zip(of(websocket_streams.SHARED)[::2], of(websocket_streams.SHARED)[1::2], strict=True):
        assert first.acts[3] == Await(second.id, 4)
        assert second.acts[4] == Await(first.id, 5)
        assert first.acts[4] in ways


def test_items_have_frames_on_both_sides_of_each_border_of_the_length() -> None:
    (say,) = {act for session in of(framed.SIZES) for act in session.acts if isinstance(act, Say)}
    sizes = [len(text) for text in say.items]
    assert sizes == sorted(sizes)
    for border in (0xFF, 0xFFFF):
        assert min(sizes) < border - 100
        assert any(border - 150 < size <= border for size in sizes)
        assert any(border < size < border + 150 for size in sizes)


def test_pieces_of_one_octet_are_tried_three_times_between_two_controls() -> None:
    pieces = [act.pieces for session in of(framed.PIECES) for act in session.acts if isinstance(act, Ask)]
    assert (pieces[0], pieces[-1]) == (0, 0)
    assert pieces.count(1) == 3


def test_three_parts_are_one_item() -> None:
    parts = [raw_octets(name, "s") for name in ("tcp-item-begins", "tcp-item-goes-on", "tcp-item-ends")]
    assert raw_octets("tcp-three-items", "s").startswith(b"".join(parts))
    assert len(parts[0]) < 4  # the first border stands inside the length


def test_a_slow_frame_is_never_whole() -> None:
    (slow,) = [session for session in of(framed_malformed.SLOW) if written(session)]
    octets = b"".join(raw_octets(name, "s") for name in written(slow))
    assert 4 < len(octets) < 4 + int.from_bytes(octets[:4])
