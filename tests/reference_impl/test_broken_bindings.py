"""What each variant of NDJSON, of the JSON array, of the guide and of a coding puts on the wire, in exact bytes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

Get = Callable[..., bytes]
Body = Callable[[bytes], bytes]

END = b'{"type":"end"}\n'


def _line(n: int) -> bytes:
    return f'{{"n":{n},"text":"№ {n}"}}\n'.encode()


LINES = b"".join(_line(n) for n in (1, 2, 3))


@pytest.fixture
def body(get: Get, body_of: Body) -> Callable[[str], bytes]:
    return lambda path: body_of(get(f"/broken/{path}"))


@pytest.fixture
def guide(body: Callable[[str], bytes]) -> Callable[[str], list[dict[str, Any]]]:
    return lambda name: [json.loads(line) for line in body(f"{name}/guide/finite?n=9&errors=3").splitlines()]


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("talks-to-people", b"# item 2 follows\n" + _line(2)),
        ("pretty-prints", '{\n  "n": 2,\n  "text": "№ 2"\n}\n'.encode()),
        ("mixes-charsets", b'{"n":2,"text":"\xff 2"}\n'),
    ],
)
def test_a_second_record_that_is_none(body: Callable[[str], bytes], name: str, second: bytes) -> None:
    assert body(f"{name}/ndjson/finite?n=3") == LINES.replace(_line(2), second) + END


def test_marks_its_bytes(body: Callable[[str], bytes]) -> None:
    assert body("marks-its-bytes/ndjson/finite?n=3") == b"\xef\xbb\xbf" + LINES + END


def test_empty_lines(body: Callable[[str], bytes]) -> None:
    assert body("empty-lines/ndjson/finite?n=3") == LINES.replace(b"\n", b"\n\n") + END


def test_calls_lines_a_document(get: Get, body_of: Body) -> None:
    response = get("/broken/calls-lines-a-document/ndjson/finite?n=3")
    assert b"\r\ncontent-type: application/json\r\n" in response
    assert body_of(response) == LINES + END


def test_ends_its_lines_late(get: Get, body: Callable[[str], bytes]) -> None:
    assert body("ends-its-lines-late/ndjson/finite?n=3") == LINES + END
    assert body("ends-its-lines-late/ndjson/empty") == END
    early = get("/broken/ends-its-lines-late/ndjson/prompt?gap_ms=60000", until=b'1"}')
    assert b'1"}\n' not in early


def test_trailing_comma(body: Callable[[str], bytes]) -> None:
    assert body("trailing-comma/json_array/finite?n=1") == '[\n{"n":1,"text":"№ 1"},\n]\n'.encode()
    assert json.loads(body("trailing-comma/json_array/empty")) == []
    assert json.loads(body("trailing-comma/json_array/failing"))[-1]["type"] == "error"


def test_closes_after_failure(body: Callable[[str], bytes]) -> None:
    failed = body("closes-after-failure/json_array/failing?after=3")
    assert failed == body("closes-after-failure/json_array/finite?n=3")
    assert len(json.loads(failed)) == 3


def test_closes_its_braces_late(get: Get, body: Callable[[str], bytes], body_of: Body) -> None:
    for path in ("finite?n=3", "failing", "empty"):
        assert body(f"closes-its-braces-late/json_array/{path}") == body_of(get(f"/json_array/{path}"))
    early = get("/broken/closes-its-braces-late/json_array/prompt?gap_ms=60000", until=b'1"')
    assert b'1"}' not in early


@pytest.mark.parametrize(
    ("path", "whole"), [("ndjson/finite?n=3", LINES + END), ("json_array/empty", b"[\n]\n"), ("finite?n=0", b"event")]
)
def test_ends_with_the_connection(get: Get, path: str, whole: bytes) -> None:
    head, _, body = get(f"/broken/ends-with-the-connection/{path}").partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"content-length" not in head.lower()
    assert body.startswith(whole)


@pytest.mark.parametrize("accept", ["", "identity", "br"])
def test_codes_unasked(get: Get, body_of: Body, accept: str) -> None:
    response = get("/broken/codes-unasked/ndjson/finite?n=3", accept=accept)
    assert b"\r\ncontent-encoding: gzip\r\n" in response
    assert gzip.decompress(body_of(response)) == LINES + END
    assert body_of(get("/broken/codes-unasked/ndjson/?n=3", accept=accept)) == LINES + END


def test_loses_under_gzip(get: Get, body_of: Body) -> None:
    coded = get("/broken/loses-under-gzip/ndjson/finite?n=4", accept="gzip")
    assert gzip.decompress(body_of(coded)) == _line(1) + _line(2) + _line(4) + END
    assert body_of(get("/broken/loses-under-gzip/ndjson/finite?n=3")) == LINES + END


def test_buffers_under_gzip(get: Get, body_of: Body) -> None:
    early = get("/broken/buffers-under-gzip/ndjson/prompt?gap_ms=60000", accept="gzip", until=b"\r\n\r\na\r\n")
    assert len(early.partition(b"\r\n\r\n")[2]) < 20  # gzip's own head at most
    coded = body_of(get("/broken/buffers-under-gzip/ndjson/finite?n=3", accept="gzip"))
    assert gzip.decompress(coded) == LINES + END


def test_nameless_record_error(guide: Callable[[str], list[dict[str, Any]]]) -> None:
    shown = guide("nameless-record-error")
    assert shown[3] == {"type": "error", "message": "this record cannot be made", "recordId": "item-3"}
    assert shown[-1] == {"type": "stream-end", "reason": "completed", "processed": 6, "errors": 3}


def test_miscounts(guide: Callable[[str], list[dict[str, Any]]]) -> None:
    shown = guide("miscounts")
    assert [record["type"] for record in shown].count("data") == 6
    assert shown[-1] == {"type": "stream-end", "reason": "completed", "processed": 0, "errors": 0}


def test_gives_up_at_an_error(guide: Callable[[str], list[dict[str, Any]]]) -> None:
    shown = guide("gives-up-at-an-error")
    assert [record["type"] for record in shown] == ["metadata", "data", "data", "error", "stream-end"]
    assert shown[-1] == {"type": "stream-end", "reason": "completed", "processed": 2, "errors": 1}


def test_announces_too_many(guide: Callable[[str], list[dict[str, Any]]]) -> None:
    shown = guide("announces-too-many")
    assert shown[0] == {"type": "metadata", "totalRecords": 10}
    assert len(shown) == 11


def test_introduces_itself_late(guide: Callable[[str], list[dict[str, Any]]]) -> None:
    shown = guide("introduces-itself-late")
    assert [record["type"] for record in shown[:3]] == ["data", "metadata", "data"]
    assert shown[1]["totalRecords"] == 9


def test_tears_text(get: Get, body_of: Body) -> None:
    body = body_of(get("/broken/tears-text/text"))
    assert b"id: 3\ndata: a line feed:\nhere\n\n" in body
    assert b"id: 1\ndata: plain\n\n" in body
    assert body_of(get("/broken/tears-text/finite?n=1")).startswith(b"id: 1\ndata: {")


def test_loses_separators(body: Callable[[str], bytes]) -> None:
    lost = [json.loads(line)["text"] for line in body("loses-separators/ndjson/text").split(b"\n")[:-2]]
    kept = [json.loads(line)["text"] for line in body("empty-lines/ndjson/text").split(b"\n")[:-3:2]]
    assert [i for i, (a, b) in enumerate(zip(lost, kept, strict=True)) if a != b] == [7]


def test_silent_heart(body: Callable[[str], bytes]) -> None:
    assert b"heartbeat" not in body("silent-heart/idle?heartbeat_ms=1&silent_ms=50")


def test_heartbeats_count(body: Callable[[str], bytes]) -> None:
    shown = body("heartbeats-count/idle?heartbeat_ms=1&silent_ms=50")
    assert b'id: 2\ndata: {"n":2,"text":"heartbeat"}\n\n' in shown
    assert b": heartbeat" not in shown


def _ids(body: bytes) -> list[str]:
    return [line.removeprefix("id: ") for line in body.decode().split("\n") if line.startswith("id: ")]


@pytest.mark.parametrize(
    ("name", "after", "ids"),
    [
        ("resumes-too-late", "3", ["5", "6"]),
        ("lets-them-come-back", "6", []),
        ("resumes-too-late", "", ["1", "2", "3", "4", "5", "6"]),
        ("resumes-too-early", "3", ["3", "4", "5", "6"]),
        ("resumes-too-early", "", ["1", "2", "3", "4", "5", "6"]),
        ("starts-over", "99", ["1", "2", "3", "4", "5", "6"]),
        ("starts-over", "x", ["1", "2", "3", "4", "5", "6"]),
        ("starts-over", "4", ["5", "6"]),
        ("forgets-ids", "", ["1", "3", "5"]),
        ("repeats-ids", "", ["1", "2", "2", "4", "4", "6"]),
        ("resumes-for-ever", "5", ["6"]),
    ],
)
def test_a_resume_that_goes_wrong(get: Get, body_of: Body, name: str, after: str, ids: list[str]) -> None:
    headers = f"last-event-id: {after}\r\n" if after else ""
    body = body_of(get(f"/broken/{name}/resumable?n=6&period_ms=0", headers=headers))
    assert _ids(body) == ids
    assert body.endswith(b"event: end\ndata: {}\n\n")
