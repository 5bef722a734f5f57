"""OI: whether items depend on how the octets of a request were cut into segments.

TCP keeps no borders: whoever reads a request by what one read gave him serves only those who are near. Never here: how
our own decoders take cuts (their tests do that).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Opened, Record
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import Ask
from streamspec.harness.core.written import ASK, ENDED, EOF, head, item, told, written
from streamspec.harness.rules._scripted_ends import numbers
from streamspec.harness.rules._wire import ROOTS, why_unlike

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.event import Event
    from streamspec.harness.core.history import History

_CONTROLS: Final = 2  # that must be alike: then the stream is always the same
_TIMES: Final = 3  # without one item: an answer may be lost for many reasons, but not each time


def _pieces(h: History, session: str) -> int:
    return standing.ask_of(h, session).pieces


def same_items_in_pieces(h: History) -> Iterator[Finding]:
    sessions = [s for s in h.sessions("finite") if not standing.unusual(h, s) and not standing.coded(h, s)]
    cut = [s for s in sessions if _pieces(h, s)]
    if not cut:
        return
    seen = [_whole(h, s) for s in sessions if s not in cut]
    controls = {found for found in seen if found}
    if len(controls) != 1 or len([found for found in seen if found]) < _CONTROLS:
        yield unknown("asked for as usual, finite was not the same twice")
        return
    (control,) = controls
    missing: list[tuple[str, Record]] = []
    for session in cut:
        found, end = _whole(h, session), standing.whole(h, session)
        if found == control:
            yield held(standing.items(h, session)[0], end)
        elif found is not None:
            got = f"{_worded(found)}, {_way(h, session)}"
            yield broken(standing.items(h, session)[:1], end, expected=_worded(control), got=got)
        elif at := _refusal(h, session):
            missing.append((session, at))
        else:
            yield unknown(why_unlike(h, session) or "finite was not seen whole")
    for size in dict.fromkeys(_pieces(h, session) for session, _ in missing):
        asked = sum(_pieces(h, session) == size for session in cut)
        yield from _never(h, [(s, at) for s, at in missing if _pieces(h, s) == size], asked)


def _never(h: History, missing: list[tuple[str, Record]], asked: int) -> Iterator[Finding]:
    """Answers that are no streams: only where every request that was cut so was answered so."""
    if len(missing) >= _TIMES and len(missing) == asked:
        for session, at in missing:
            got = f"{standing.not_opened(h, session)}, {_way(h, session)}"
            yield broken(at, expected="the same stream as in one piece", got=got)
    else:
        yield unknown(f"{len(missing)} of {asked} requests in pieces were not served", [at for _, at in missing])


def _whole(h: History, session: str) -> tuple[int, ...] | None:
    """The numbers that came, where the stream was seen to its end and is one."""
    if why_unlike(h, session) or not standing.whole(h, session) or not standing.seen_whole(h, session):
        return None
    return numbers(h, session) or None


def _refusal(h: History, session: str) -> Record | None:
    record = h.first(Opened, session)
    return record if record and isinstance(record.event, Opened) and 400 <= record.event.status < 500 else None


def _worded(found: tuple[int, ...]) -> str:
    return f"{len(found)} items, {found[0]} to {found[-1]}"


def _way(h: History, session: str) -> str:
    return f"in segments of {_pieces(h, session)} octets"


_USUAL: Final = (ASK, head(), item(0), item(1), ENDED, EOF)
_OTHER: Final = (ASK, head(), item(0), ENDED, EOF)
_REFUSED: Final = (ASK, head(status=400), ENDED, EOF)
_ASKS: Final = {f"finite-{n}": Ask(pieces=1) for n in (3, 4, 5)}


def _history(*answers: tuple[Event, ...]) -> History:
    """Two requests as usual, then those in pieces."""
    rows = (row for n, answer in enumerate(answers, 1) for row in told(f"finite-{n}", *answer, start_ms=50.0 * n))
    return written(*rows, asks={f"finite-{n}": _ASKS[f"finite-{n}"] for n in range(3, len(answers) + 1)})


OI_05 = Rule(
    id="OI-05",
    level=Level.MUST,
    sentence="However the octets of a request are cut into segments, the same items come.",
    source="RFC 9293 §3.8 (a stream of octets); RFC 9112 §2.2",
    why="What works on one machine fails behind a slow link, or a proxy, that cuts elsewhere.",
    needs=("role:finite", "seq"),
    after=(*ROOTS, "OI-01", "OI-03"),
    check=same_items_in_pieces,
    good=(
        _history(_USUAL, _USUAL, _USUAL),
        # not the same every time; and refused once, which may have any reason
        _history(_USUAL, _OTHER, _OTHER),
        _history(_USUAL, _USUAL, _REFUSED, _USUAL, _USUAL),
    ),
    bad=(
        _history(_USUAL, _USUAL, _USUAL, _OTHER),
        _history(_USUAL, _USUAL, _REFUSED, _REFUSED, _REFUSED),
    ),
)
