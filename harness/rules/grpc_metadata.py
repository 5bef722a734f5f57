"""GR: metadata of a call that come back as they went out.

Compared are octets: whether a binary value is padded, and whether values of one name stand in one field, is free. Never
here: metadata that nobody promised to echo.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

from streamspec.harness.core import standing
from streamspec.harness.core.event import Completed, Deviation, Ended, Failed, Opened, Trailers
from streamspec.harness.core.inert import octets
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.script import Ask
from streamspec.harness.core.written import ASK, CLOSE, called, item, told, written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streamspec.harness.core.event import Record
    from streamspec.harness.core.history import History
    from streamspec.harness.core.written import Row

    Fields = tuple[tuple[str, str], ...]

AT_HEAD: Final = "x-grpc-test-echo-initial"  # of the interop tests of gRPC (custom_metadata)
AT_END: Final = "x-grpc-test-echo-trailing-bin"
_BINARY: Final = "-bin"


def metadata_come_back(h: History) -> Iterator[Finding]:
    for session in h.sessions():
        sent = standing.ask_of(h, session).metadata
        wanted = {name: _values(sent, name) for name in (AT_HEAD, AT_END)}
        answer = standing.opened(h, session)
        if not any(wanted.values()):
            yield unknown(f"{h.role(session)} was asked for without metadata")
        elif not answer or not isinstance(answer.event, Opened):
            yield unknown(standing.not_opened(h, session))
        elif not (items := standing.items(h, session)) or not standing.whole(h, session):
            yield unknown("the call was not answered with a message, or did not end while we looked")
        else:
            behind = next(iter(standing.theirs(h, Trailers, session)), None)
            trailers = behind.event.fields if behind and isinstance(behind.event, Trailers) else ()
            found = {AT_HEAD: _values(answer.event.headers, AT_HEAD), AT_END: _values(trailers, AT_END)}
            yield _compared(wanted, found, (answer, items[0], behind))


def _compared(
    wanted: dict[str, tuple[bytes, ...]], found: dict[str, tuple[bytes, ...]], at: tuple[Record | None, ...]
) -> Finding:
    for name, values in wanted.items():
        if found[name] != values:
            return broken(at, expected=f"{name}: {_worded(values)}", got=_worded(found[name]))
    return held(at)


def _values(fields: Fields, name: str) -> tuple[bytes, ...]:
    """The values of that name as octets, in their order. A binary one that is no base64 is taken as it stands."""
    joined = ",".join(value for key, value in fields if key.lower() == name)
    return tuple(_octets_of(part.strip(), name) for part in joined.split(",")) if joined else ()


def _octets_of(value: str, name: str) -> bytes:
    if not name.endswith(_BINARY):
        return value.encode("latin-1")
    bare = value.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return value.encode("latin-1")


def _worded(values: Iterable[bytes]) -> str:
    return ", ".join(octets(value) for value in values) or "nothing"


_SENT: Final = ((AT_HEAD, "here"), (AT_END, "q6ur"), (AT_END, "AP8sDQ"))
_ASKS: Final = {"script": Ask(metadata=_SENT)}
_WHOLE: Final = Ended("end-stream", 30)
_OK: Final = ("grpc-status", "0")


def _echoed(at_head: Fields, at_end: Fields) -> History:
    answer = (called(*at_head), item(0), Trailers((_OK, *at_end)), Completed(), _WHOLE)
    return _asked(*told("script", ASK, *answer))


def _asked(*rows: Row) -> History:
    return written(*rows, binding="grpc", asks=_ASKS, declared={"declares.echoes_metadata": True})


_HEAD: Final = _SENT[:1]

GR_09 = Rule(
    id="GR-09",
    level=Level.MUST,
    sentence="Metadata come back as they went out, in head and trailers: binary values, and several of one name.",
    source="gRPC over HTTP/2 (Custom-Metadata); gRPC interop tests (custom_metadata); declared (docs/contract.md)",
    why="Traces, credentials and details of errors travel there; whoever gets half of them follows the wrong call.",
    needs=("script", "feature:echoes_metadata"),
    after=("GR-01",),
    on=("grpc",),
    check=metadata_come_back,
    good=(
        _echoed(_HEAD, _SENT[1:]),
        # padded, in one field, and between others
        _echoed(_HEAD, ((AT_END, "q6ur,AP8sDQ=="),)),
        _echoed((("x-other", "1"), *_HEAD), (("x-other", "2"), *_SENT[1:])),
        # it failed before there was a message, and it did not end
        _asked(*told("script", ASK, called(), Trailers((_OK,)), Failed("INTERNAL"), _WHOLE)),
        _asked(*told("script", ASK, called(*_HEAD), item(0), *CLOSE)),
        _asked(*told("script", ASK, called(), Trailers(()), Deviation("grpc.no-status", 0), _WHOLE)),
    ),
    bad=(
        _echoed((), _SENT[1:]),
        _echoed(((AT_HEAD, "HERE"),), _SENT[1:]),
        _echoed(_HEAD, ()),
        _echoed(_HEAD, _SENT[1:2]),
        _echoed(_HEAD, (_SENT[2], _SENT[1])),
        _echoed(_HEAD, ((AT_END, "q6ur"), (AT_END, "AP8sDQ%"))),
    ),
)
