"""The fixture `stream`: what a test may expect of a stream, and in which words it fails."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import pytest
from raw_server import CHUNKED_HEAD, answering, chunk, event, request, serving

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.event import Did, Lagged
from streamspec.harness.engine.store import load_history
from streamspec.harness.testing import Streams, Workshop

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from streamspec.harness.testing import Stream

pytest_plugins = ["pytester"]

END: Final = b"0\r\n\r\n"
THREE: Final = CHUNKED_HEAD + b"".join(chunk(event(n)) for n in range(1, 4)) + END
SOON: Final = 5_000  # what comes anyway comes within this


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    made = Workshop(tmp_path_factory.mktemp("workshop"))
    yield made
    made.close()


@pytest.fixture
def streams(workshop: Workshop) -> Iterator[Streams]:
    made = Streams(workshop, "test_it.py::test_it", workshop.root)
    yield made
    made.close()


@pytest.fixture
def three() -> Iterator[str]:
    with serving(answering(THREE)) as url:
        yield url


def endless(connection: socket.socket) -> None:
    """Three items, and then nothing until the client has left."""
    request(connection)
    connection.sendall(CHUNKED_HEAD + b"".join(chunk(event(n)) for n in range(1, 4)))
    connection.recv(1)


def test_the_nearest_file_says_what_a_role_is(tmp_path: Path) -> None:
    made = Workshop(tmp_path / "root")
    below = tmp_path / "root" / "service" / "tests"
    below.mkdir(parents=True)
    try:
        outside, top, near = (at / "streamspec.toml" for at in (tmp_path, made.root, below.parent))
        outside.touch()
        assert made.nearest(below) == top
        near.touch()
        assert made.nearest(below) == near
        assert made.nearest(tmp_path) == top
    finally:
        made.close()


def open_finite(streams: Streams, url: str, items: int = 3) -> Stream:
    return streams(url, role="finite", items=items, seq="$.n")


def test_items_come_one_after_another_and_then_the_end(streams: Streams, three: str) -> None:
    s = open_finite(streams, three)
    assert [item.seq for item in s.expect(2, within_ms=SOON)] == [1, 2]
    assert [item.seq for item in s.expect_end(within_ms=SOON)] == [3]


def test_too_few_items_are_told_with_what_came(streams: Streams) -> None:
    with serving(endless) as url:
        s = streams(url, seq="$.n")
        with pytest.raises(AssertionError) as raised:
            s.expect(4, within_ms=100)
    said = str(raised.value)
    assert said.startswith("4 items were expected within 100 ms, and 3 came\n  asked     http://127.0.0.1:")
    assert 'item 2, 9 octets at octet 34 of the body: {"n":3}' in said or '{"n":3}' in said


def test_an_end_that_does_not_come_is_told(streams: Streams) -> None:
    with serving(endless) as url:
        s = streams(url)
        with pytest.raises(AssertionError, match="the end was expected within 100 ms, and the message is not whole"):
            s.expect_end(within_ms=100)


def test_a_cut_is_no_end(streams: Streams) -> None:
    with serving(answering(THREE[: -len(END)])) as url:
        s = streams(url)
        with pytest.raises(AssertionError, match="the message is not whole"):
            s.expect_end(within_ms=SOON)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "look answered 404"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n", "nobody can read text/plain"),
        (b"", "look was not answered"),
    ],
)
def test_what_is_no_stream_fails_at_once(streams: Streams, answer: bytes, said: str) -> None:
    with serving(answering(answer)) as url, pytest.raises(AssertionError, match=said):
        streams(url)


def test_leaving_is_seen_by_the_server_and_ends_the_stream_for_the_test(streams: Streams) -> None:
    left = threading.Event()

    def handler(connection: socket.socket) -> None:
        try:
            endless(connection)
        finally:
            left.set()

    with serving(handler) as url:
        s = streams(url)
        s.expect(1, within_ms=SOON)
        s.cancel("fin")
        assert left.wait(SOON / 1e3)
        with pytest.raises(UsageError, match="was left: nothing more can be done with it"):
            s.expect(1)


def test_a_resume_goes_on_behind_the_last_item_that_was_expected(streams: Streams) -> None:
    asked: list[bytes] = []

    def handler(connection: socket.socket) -> None:
        asked.append(request(connection))
        connection.sendall(CHUNKED_HEAD + b"".join(chunk(b"id: %d\n" % n + event(n)) for n in range(1, 4)) + END)

    with serving(handler) as url:
        s = streams(url, role="resumable", guarantee="at-least-once")
        s.expect(2, within_ms=SOON)  # all three have come by then
        s.cancel()
        s.resume().expect(1, within_ms=SOON)
    assert b"Last-Event-ID: 2\r\n" in asked[1]


def test_a_resume_needs_an_id(streams: Streams, three: str) -> None:
    s = streams(three)
    s.expect(1, within_ms=SOON)
    with pytest.raises(AssertionError, match="none of the expected items carried one"):
        s.resume()


def test_a_stall_is_written_down_as_ours(streams: Streams, three: str) -> None:
    s = open_finite(streams, three)
    s.stall(30)
    acts = [r.event.act for r in s.history().of(Did) if isinstance(r.event, Did)]
    assert acts == ["ask", "stall", "resume"]


def test_time_in_which_the_test_does_something_else_is_written_down_as_ours(streams: Streams, three: str) -> None:
    s = open_finite(streams, three)
    threading.Event().wait(0.1)
    s.expect(3, within_ms=SOON)
    assert any(isinstance(r.event, Lagged) and r.event.ms >= 100 for r in s.history().of(Lagged))


def test_a_failure_says_when_this_process_was_the_slow_one(streams: Streams, workshop: Workshop) -> None:
    with serving(endless) as url:
        s = streams(url)
        workshop.loop._loop.call_soon_threadsafe(threading.Event().wait, 0.2)  # our loop, and nobody else
        with pytest.raises(AssertionError, match=r"\n  note      this process itself stood still for \d+"):
            s.expect(4, within_ms=400)


# -- rules -------------------------------------------------------------------------------------------------------------


def test_rules_that_were_kept_pass(streams: Streams, three: str) -> None:
    s = open_finite(streams, three)
    s.expect_end(within_ms=SOON)
    s.assert_rules("OI", "SSE-03")


def test_a_broken_rule_is_told_in_full(streams: Streams) -> None:
    twice = CHUNKED_HEAD + b"".join(chunk(event(n)) for n in (1, 2, 2)) + END
    with serving(answering(twice)) as url:
        s = open_finite(streams, url)
        s.expect_end(within_ms=SOON)
        with pytest.raises(AssertionError) as raised:
            s.assert_rules("OI")
    assert "FAIL  OI-03  MUST  test/test_it.py-test_it-1@sse\n" in str(raised.value)
    assert "\n  got       item 2 again\n" in str(raised.value)


def test_rules_that_cannot_tell_are_no_success(streams: Streams, three: str) -> None:
    s = streams(three)
    with pytest.raises(AssertionError, match="none of the rules OI-02 can tell from this stream"):
        s.assert_rules("OI-02")


def test_a_rule_that_there_is_not_is_the_callers_error(streams: Streams, three: str) -> None:
    s = streams(three)
    with pytest.raises(UsageError, match="no such rule or family"):
        s.assert_rules("XY")


def test_no_rule_is_broken_by_what_the_test_did(streams: Streams) -> None:
    """Waits that were too short, a stall, a pause of ours and an abrupt end: none is the target's doing."""
    with serving(endless) as url:
        s = streams(url, role="finite", items=10, seq="$.n")
        s.expect(1, within_ms=SOON)
        with pytest.raises(AssertionError):
            s.expect(9, within_ms=50)
        s.stall(30)
        threading.Event().wait(0.05)
        s.cancel()
        s.assert_rules()


# -- words -------------------------------------------------------------------------------------------------------------


def test_the_file_says_what_a_role_is(streams: Streams, three: str, tmp_path: Path) -> None:
    file = tmp_path / "streamspec.toml"
    file.write_text(f'[target]\nurl = "{three}"\n[target.roles]\nfinite = {{ path = "/x", items = 3, seq = "$.n" }}\n')
    s = streams(role="finite", file=file)
    s.expect_end(within_ms=SOON)
    s.assert_rules("OI-02")
    with pytest.raises(UsageError, match="no role 'endless' is declared"):
        streams(role="endless", file=file)


def test_without_a_url_and_a_file_there_is_nothing_to_open(streams: Streams) -> None:
    with pytest.raises(UsageError, match=r"streamspec\.toml: No such file"):
        streams(role="finite")


def test_what_was_seen_can_be_judged_again(streams: Streams, three: str) -> None:
    s = open_finite(streams, three)
    s.expect_end(within_ms=SOON)
    (place,) = streams.saved()
    stored = load_history(place).records
    assert stored
    assert stored == s.history().records[: len(stored)]  # a stall of ours may have been seen since


def test_a_failing_test_names_the_file_of_what_it_saw(pytester: pytest.Pytester, three: str) -> None:
    pytester.makepyfile(
        f"""
        def test_it(stream):
            s = stream({three!r})
            s.expect(4, within_ms=100)

        def test_that(stream):
            stream({three!r}).expect(3)
        """
    )
    done = pytester.runpytest_inprocess()
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(
        [
            ">       s.expect(4, within_ms=100)",
            "E*4 items were expected within 100 ms, and 3 came",
            "streamspec judge *",
        ]
    )
    done.stdout.no_fnmatch_line("*harness/testing.py*")
