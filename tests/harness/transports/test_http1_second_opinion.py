"""h11 as a second opinion: where it accepts a response, we read the same; where it does not, we still end."""

from __future__ import annotations

import h11
from hypothesis import given
from hypothesis import strategies as st

from streamspec.harness.core.event import Deviation, Ended, Event, Opened, Refused
from streamspec.harness.core.limits import LIMITS
from streamspec.harness.core.ports import Body
from streamspec.harness.transports.http1_framing import BodyObserver
from streamspec.harness.transports.http1_head import HeadObserver

TOKEN = st.text("abcXYZ0-_!", min_size=1, max_size=8)
VALUE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=12)


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """Valid HTTP/1.1 responses to a GET."""
    out = b""
    for _ in range(draw(st.integers(0, 2))):
        out += b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    status = draw(st.sampled_from([200, 201, 204, 304, 404, 500]))
    out += f"HTTP/1.1 {status} {draw(st.sampled_from(['OK', '', 'Not So']))}\r\n".encode()
    for name in draw(st.lists(TOKEN, max_size=4)):
        # h11 strips and refuses other blanks than we do; C1 controls are obs-text to both
        out += f"x-{name}: {draw(VALUE).strip()}\r\n".encode("latin-1")
    content = draw(st.lists(st.binary(min_size=1, max_size=20), max_size=5))
    match draw(st.sampled_from(["chunked", "length", "close"])):
        case "chunked" if status not in {204, 304}:
            out += b"Transfer-Encoding: chunked\r\n\r\n"
            for piece in content:
                size = draw(st.sampled_from([f"{len(piece):x}", f"00{len(piece):X}", f"{len(piece):x};a=b"]))
                out += size.encode() + b"\r\n" + piece + b"\r\n"
            out += b"0\r\n" + draw(st.sampled_from([b"", b"x-t: 1\r\n"])) + b"\r\n"
        case "close" if status not in {204, 304}:
            out += b"\r\n" + b"".join(content)
        case _:
            empty = status in {204, 304}
            out += f"Content-Length: {sum(map(len, content))}\r\n\r\n".encode() + (b"" if empty else b"".join(content))
    return out


def ours(pieces: list[bytes]) -> list[Event | Body]:
    """Everything we see up to EOF."""
    head, body = HeadObserver(LIMITS), None
    out: list[Event | Body] = []
    for piece in pieces:
        if body is not None:
            out += body.feed(piece)
            continue
        outcome = head.feed(piece)
        if isinstance(outcome, Refused):
            return [outcome]
        if outcome is not None:
            body = BodyObserver(outcome.opened, "GET", outcome.size, LIMITS)
            out += [outcome.opened, *outcome.deviations, *body.feed(outcome.rest)]
    return [*out, *(body.end() if body else [head.end()])]


def theirs(data: bytes) -> tuple[h11.Response | None, bytes, bool, bool]:
    """h11's response, body, whether it found the end, and whether octets came after it."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    connection.receive_data(b"")
    response, body = None, b""
    while True:
        event = connection.next_event()
        match event:
            case h11.Response():
                response = event
            case h11.Data():
                body += bytes(event.data)
            case h11.EndOfMessage():
                return response, body, True, bool(connection.trailing_data[0])
            case h11.InformationalResponse():
                pass
            case _:
                return response, body, False, False


def summary(events: list[Event | Body]) -> tuple[Opened | None, bytes, bool]:
    opened = next((event for event in events if isinstance(event, Opened)), None)
    body = b"".join(event.data for event in events if isinstance(event, Body))
    return opened, body, any(isinstance(event, Ended) for event in events)


@given(responses())
def test_h11_and_we_read_the_same_in_a_valid_response(data: bytes) -> None:
    response, body, ended, _ = theirs(data)
    opened, our_body, our_end = summary(ours([data]))
    assert response is not None
    assert opened is not None
    assert (opened.status, opened.reason.encode("latin-1")) == (response.status_code, bytes(response.reason))
    assert [(k.lower().encode(), v.encode("latin-1")) for k, v in opened.headers] == [
        tuple(h) for h in response.headers
    ]
    assert (our_body, our_end) == (body, ended)
    assert not [event for event in ours([data]) if isinstance(event, Deviation)]


@given(responses(), st.data())
def test_h11_and_we_agree_on_where_a_response_is_cut_short(data: bytes, draw: st.DataObject) -> None:
    cut = data[: draw.draw(st.integers(0, len(data)))]
    opened, our_body, our_end = summary(ours([cut[i : i + 1] for i in range(len(cut))]))
    try:
        response, body, ended, _ = theirs(cut)
    except h11.RemoteProtocolError:
        assert not our_end
        return
    assert (opened is None) == (response is None)
    assert (our_body, our_end) == (body, ended)


@given(responses(), st.data())
def test_a_response_with_one_octet_changed_still_ends_the_same_however_cut(data: bytes, draw: st.DataObject) -> None:
    at = draw.draw(st.integers(0, len(data) - 1))
    broken = data[:at] + draw.draw(st.binary(max_size=2)) + data[at + 1 :]
    whole, cut = ours([broken]), ours([broken[i : i + 1] for i in range(len(broken))])
    assert summary(whole) == summary(cut)
    assert [e for e in whole if not isinstance(e, Body)] == [e for e in cut if not isinstance(e, Body)]
    try:
        _, body, ended, excess = theirs(broken)
    except h11.RemoteProtocolError:
        return  # ours may go on where h11 stops: that is what an observer is for
    if ended and not [event for event in whole if isinstance(event, Deviation | Refused)]:
        assert (summary(whole)[1], summary(whole)[2], excess) == (body, True, False)
