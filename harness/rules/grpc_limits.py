"""GR: messages of ours that a server does not take: one that is too large, and one whose flag nothing explains.

Which size is too large is the server's own affair. Never here: items that it sends (`sizes`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Closed, Completed, Deviation, Did, Ended, Failed, Trailers
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import SCRIPT, Ask, Finish, Read, Say, Write
from streamspec.harness.core.steps import Collect
from streamspec.harness.core.written import ASK, CLOSE, called, item, retold, told, written
from streamspec.harness.rules._carriers import wrote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History

_ANYBODY_BYTES: Final = 65_536  # what every server takes, or shows nothing here
_COMMON_BYTES: Final = 4 * 1_048_576
_DUE: Final = "RESOURCE_EXHAUSTED"


def too_large_has_its_status(h: History) -> Iterator[Finding]:
    """The control is a small message that is taken. A reset says less than a status, and nothing else."""
    sizes = {s: _largest(h, s) for s in h.sessions(SCRIPT) if _largest(h, s)}
    taken = _takes_messages(h)
    for session, octets in sizes.items():
        if octets <= _COMMON_BYTES:
            continue
        failed = next((r for r in standing.theirs(h, Failed, session) if isinstance(r.event, Failed)), None)
        if not taken:
            yield unknown("no message of a usual size was taken")
        elif failed and isinstance(failed.event, Failed):
            code = failed.event.code
            if code == _DUE:
                yield held(failed)
            else:
                yield broken(failed, expected=f"{_DUE} for a message of {octets} octets", got=code or "no code")
        elif _ended(h, session, Completed):
            yield unknown(f"it takes messages of {octets} octets")
        else:
            yield unknown(standing.not_opened(h, session) or "no status came of it: it takes that, or ended otherwise")
    if not any(octets > _COMMON_BYTES for octets in sizes.values()):
        yield unknown("no message was larger than 4 MiB")


def _takes_messages(h: History) -> bool:
    """Whether a message of a usual size is taken here."""
    small = (s for s in h.sessions(SCRIPT) if 0 < _largest(h, s) <= _ANYBODY_BYTES)
    return any(_ended(h, session, Completed) for session in small)


def _largest(h: History, session: str) -> int:
    return max((act.bytes for act in h.acts(session) if isinstance(act, Say)), default=0)


def _ended(h: History, session: str, kind: type[Completed | Failed]) -> bool:
    return any(isinstance(record.event, kind) for record in standing.terminals(h, session))


_WHOLE: Final = Ended("end-stream", 30)
_TAKEN: Final = (ASK, called(), item(0), Trailers((("grpc-status", "0"),)), Completed(), _WHOLE)


def _failed(code: str, status: int) -> tuple[Event, ...]:
    return (ASK, called(), Trailers((("grpc-status", str(status)),)), Failed(code), _WHOLE)


def _said(large: tuple[Event, ...], small: tuple[Event, ...] = _TAKEN) -> History:
    """A small upload, and a large one."""
    sizes = {"script-small": 1_000, "script-large": 4_300_000}
    h = written(*told("script-small", *small), *told("script-large", *large, start_ms=100), binding="grpc")
    return retold(
        h,
        lambda s: replace(
            s,
            acts=(Ask(), Say(1, sizes[s.id]), Finish(), Read(items=0, budget="item_ms")),
            steps=(Collect(),),
            direction="client",
        ),
    )


GR_10 = Rule(
    id="GR-10",
    level=Level.SHOULD,
    sentence="A message that is too large for its server fails with RESOURCE_EXHAUSTED.",
    source="gRPC statuscodes (RESOURCE_EXHAUSTED: the message is larger than the configured limit)",
    why="Under another name a client takes it for a failure of the server, and sends the same once more.",
    needs=("script", "direction:client"),
    on=("grpc",),
    check=too_large_has_its_status,
    good=(
        _said(_failed(_DUE, 8)),
        # it takes that, it resets the stream, it never ends it, and it takes nothing at all
        _said(_TAKEN),
        _said((ASK, called(), Closed("reset", "RST_STREAM CANCEL", 8))),
        _said((ASK, called(), *CLOSE)),
        _said(_failed("INTERNAL", 13), _failed("INTERNAL", 13)),
        _said((ASK, called(), Trailers(()), Deviation("grpc.no-status", 0), _WHOLE)),
    ),
    bad=(_said(_failed("INTERNAL", 13)), _said(_failed("UNKNOWN", 2))),
)


# -- GR-13 -------------------------------------------------------------------------------------------------------------

FLAGGED: Final = "h2-flagged-message"
_INTERNAL: Final = "INTERNAL"


def flag_without_encoding_fails(h: History) -> Iterator[Finding]:
    """The control is the same as above: who takes no message at all shows nothing."""
    taken, found = _takes_messages(h), [(s, w) for s in h.sessions(SCRIPT) for w in wrote(h, s, FLAGGED)[:1]]
    for session, write in found:
        end = next((r for r in standing.terminals(h, session) if r.index > write.index), None)
        if not taken:
            yield unknown("no message of a usual size was taken")
        elif end and isinstance(end.event, Failed) and end.event.code == _INTERNAL:
            yield held(write, end)
        elif end:
            got = (end.event.code or "no code") if isinstance(end.event, Failed) else "success"
            yield broken(write, end, expected=f"{_INTERNAL} for a message that is flagged and not encoded", got=got)
        else:
            yield unknown(standing.not_opened(h, session) or "no status came of it")
    if not found:
        yield unknown("no message was flagged")


def _flagged(*events: Event, small: tuple[Event, ...] = _TAKEN) -> History:
    wrote_ = (ASK, Did(f"write:{FLAGGED}"), Did("finish"), *events)
    h = written(*told("script-small", *small), *told("script-flagged", *wrote_, start_ms=100), binding="grpc")
    says: dict[str, Say | Write] = {"script-small": Say(1, 1_000), "script-flagged": Write(FLAGGED)}
    return retold(
        h,
        lambda s: replace(
            s,
            acts=(Ask(), says[s.id], Finish(), Read(items=0, budget="item_ms")),
            steps=(Collect(),),
            direction="client",
        ),
    )


GR_13 = Rule(
    id="GR-13",
    level=Level.SHOULD,
    sentence="A message that is flagged as compressed, where no encoding is named, fails with INTERNAL.",
    source="gRPC compression.md (test case 6); gRPC over HTTP/2 (Compressed-Flag)",
    why="Whoever takes it hands octets to an application that nobody can read, or that say something else.",
    needs=("script", "direction:client"),
    on=("grpc",),
    check=flag_without_encoding_fails,
    good=(
        _flagged(*_failed(_INTERNAL, 13)[1:]),
        _flagged(called(), Closed("reset", "RST_STREAM PROTOCOL_ERROR", 1)),
        _flagged(called(), *CLOSE),
        _flagged(*_failed("UNKNOWN", 2)[1:], small=_failed("UNKNOWN", 2)),
    ),
    bad=(_flagged(*_TAKEN[1:]), _flagged(*_failed("UNKNOWN", 2)[1:])),
)
