"""Scripts: what is asked of the target and what the driver does meanwhile, as data.

A script names sessions; a session names the role whose endpoint it opens and its acts, in order. Nothing here runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from streamspec.harness.core.steps import Step, scaled, step_from_json, step_to_json
from streamspec.harness.core.typed import build

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOK: Final = "look"  # the pseudo-role of the URL itself
SCRIPT: Final = "script"  # that of a scripted stream (docs/contract.md)
OBJECT: Final = "object"  # and that of a stream object in this process
AGAIN: Final = "look-again-"  # sessions that the runner appends to every case: is the look served again?
BEFORE: Final = "look-before-"  # and those it puts ahead of it: a case starts from a healthy target
CUT: Final = "cut:"  # an end that our own proxy made, and the toxic of which it did
LOST: Final = "lost:"  # from here on our proxy dropped what came


@dataclass(frozen=True, slots=True)
class Ask:
    """Send the request and wait for the head of its answer, at most the named budget.

    `coding`: the content codings that we offer to read (`gzip`), instead of none. `after`: resume behind the last id
    that this session was given; `behind`: behind this very id. `narrow`: with a small SO_RCVBUF, so that whoever sends
    feels soon that nobody reads. `method`: with another one; `version`: in another one of HTTP/1 (`1.0`).
    `pieces`: cut into segments of so many octets. `script`: with this text, whatever it is, in the place of a script.
    `credentials`: without any (`none`), with `wrong` ones, or with those of an`other` client of the target (which then
    asks for the very run of the session `after`), instead of the user's own. `direct`: past the proxy,
    where there is one. `on`: on the connection of that session, as one more stream; `same`: under the very id of that
    session. `cancelled`: with a cancel in the same write; `twice`: with a second start under the same id in it.
    `offers`: an extension of WebSocket. `priority`: among the streams of its connection, from 0 to 9
    (docs/contract.md). `metadata`: with these fields besides."""

    malformed: bool = False
    budget: str = "head_ms"
    coding: str = ""
    after: str = ""
    behind: str = ""
    narrow: bool = False
    method: str = ""
    version: str = ""
    pieces: int = 0
    script: str = ""
    credentials: Literal["", "none", "wrong", "other"] = ""
    direct: bool = False
    on: str = ""
    same: str = ""
    cancelled: bool = False
    twice: bool = False
    offers: str = ""
    priority: int = 0
    metadata: tuple[tuple[str, str], ...] = ()

    @property
    def way(self) -> str:
        """What is unusual in this request, in one word; empty where it asks for a stream as anybody would."""
        if self.script or self.credentials:
            return "script" if self.script else "credentials"
        return "malformed" if self.malformed else "method" if self.method else self.version


@dataclass(frozen=True, slots=True)
class Read:
    """Read until `items` further items came, `bytes` body octets came, the stream ended, or the budget ran out.
    `items = 0` reads to the end, and then lingers for what must not follow. `quiet`: the budget counts anew from each
    sign of life (and `finite_ms` bounds the whole). `needed`: without these items the session does no more."""

    items: int
    budget: str
    bytes: int = 0
    quiet: bool = False
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Cancel:
    """End the stream as a client that lost interest: an abrupt close of its connection (`rst`) or an orderly one
    (`fin`), or the binding's own word for it (`word`: an envelope, RST_STREAM), behind which it is still read."""

    how: Literal["rst", "fin", "word"]


@dataclass(frozen=True, slots=True)
class Say:
    """Send `n` counted items of about so many octets to the target, or `items` (JSON texts) instead, at most for the
    named budget. `meanwhile`: the script goes on at once; further items and the half-close wait for it, and a cancel
    ends it. `still`: sooner over when the target has taken nothing for `steady_ms`. `per_cycle`: `n` is for each cycle
    of the effort."""

    n: int = 1
    bytes: int = 0
    budget: str = "say_ms"
    items: tuple[str, ...] = ()
    meanwhile: bool = False
    still: bool = False
    per_cycle: bool = False


@dataclass(frozen=True, slots=True)
class Finish:
    """Our half-close: no item of ours will follow. `fin`: said by a FIN, for all streams of a connection over TCP."""

    fin: bool = False


@dataclass(frozen=True, slots=True)
class Ping:
    """A ping of the carrier. Whoever reads on will see its answer."""


@dataclass(frozen=True, slots=True)
class Write:
    """Octets on the connection that no grammar knows, by name (`core.raw`)."""

    what: str


@dataclass(frozen=True, slots=True)
class Account:
    """Take one account: ask the target what it tells of itself, and look at its process."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Take accounts again and again, and read nothing, for the named budget. An open stream stalls meanwhile. Sooner
    over when the figure `still` has been the same for `steady_ms`, when one of `moved` has changed, when `freed` is
    nothing that was above nothing for `steady_ms`, or when nothing that the target holds is more than in the last
    account of the session `back`; where that is named, nothing stands still before the target has learnt of every
    client that left."""

    budget: str
    still: str = ""
    moved: tuple[str, ...] = ()
    freed: str = ""
    back: str = ""


@dataclass(frozen=True, slots=True)
class Open:
    """Open a gate of this session's own script, or of the session `of`."""

    gate: str
    of: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask the target to end, as whoever operates it would: SIGTERM to the process that we started."""


@dataclass(frozen=True, slots=True)
class Await:
    """Wait until another session has done its first `acts` acts, or is over."""

    session: str
    acts: int


@dataclass(frozen=True, slots=True)
class Poison:
    """Put a toxic on the way of this case's streams, with these values, in the place of what was there, unless it is to
    work `beside` that; `down` is the way itself, closed. `share`: its
    `bytes` are drawn, from so many to so many hundredths of what the measured answer took on the wire."""

    toxic: str
    values: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    share: tuple[int, int] = (0, 0)
    stream: Literal["upstream", "downstream"] = "downstream"
    beside: bool = False


@dataclass(frozen=True, slots=True)
class Heal:
    """Take everything away that was put on the way. `measure`: the next answer is the one of which shares are drawn."""

    measure: bool = False


# -- in process: each session makes one object; its callers act on their own, the script tells them what to do ---------


@dataclass(frozen=True, slots=True)
class Call:
    """The caller `by` begins an operation, when it is done with those it was told before; the script goes on at once.

    `n` repeats it (0: until the stream is over). A caller stops its repeats when the stream refuses, unless `on`:
    then it goes on regardless. `size` pads an item to so many characters. `jitter` lets the caller first step aside
    up to so many times, drawn from the case's seed. `arg` says more, in the words of the operation."""

    op: str
    by: str
    n: int = 1
    arg: str = ""
    size: int = 0
    jitter: int = 0
    on: bool = False


@dataclass(frozen=True, slots=True)
class Settle:
    """Wait until nothing moves any more. Callers in `until` are due to get through: with threads they are waited for
    up to `moves_ms`, everybody else until it has been quiet for `settle_ms`."""

    until: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pass:
    """Let so many milliseconds pass (in virtual time they cost nothing)."""

    ms: int


_Spoken = Say | Finish | Ping | Write
Act = Ask | Read | Cancel | _Spoken | Account | Watch | Open | Stop | Await | Poison | Heal | Call | Settle | Pass
ACTS: Final[Mapping[str, type[Act]]] = MappingProxyType({kind.__name__: kind for kind in get_args(Act)})


Direction = Literal["server", "client", "bidi", "unary"]
DIRECTIONS: Final[tuple[str, ...]] = get_args(Direction)


@dataclass(frozen=True, slots=True)
class Session:
    """One stream to open. Sessions run one after another, unless `beside` names one that runs meanwhile. An object is
    made with `options`; a server's `large` role is offered `backlog_mib`; a scripted one is told `steps`, with
    `options`, in a stream of this `direction` (whose items go from the server to us, unless it says more). A session
    with `times` is played so often, each time from another seed: `id`, `id~2`, .... (0: as often as the effort says),
    so many of them `together`."""

    id: str
    role: str
    acts: tuple[Act, ...]
    beside: str = ""
    options: Mapping[str, int | str] = field(default_factory=lambda: MappingProxyType({}))
    times: int = 1
    together: int = 1
    steps: tuple[Step, ...] = ()
    direction: Direction = "server"


@dataclass(frozen=True, slots=True)
class Script:
    sessions: tuple[Session, ...]

    def roles(self) -> tuple[str, ...]:
        """The roles that its sessions open, without repeats, in order: not the look, an object, or a script."""
        return tuple(dict.fromkeys(s.role for s in self.sessions if s.role not in {LOOK, OBJECT, SCRIPT}))


def expanded(script: Script, cycles: int = 1, limit_bytes: int = 0, *, abrupt: bool = False) -> Script:
    """The script with every repeat of a session written out, under its own id; `cycles` is what `times = 0` means, and
    the largest item of the target, where it is declared, what some steps count from. `abrupt`: a client that closes its
    connection in order leaves no sign of that here, and so closes it abruptly."""
    scaled_sessions = (
        replace(
            s,
            steps=tuple(scaled(step, cycles, limit_bytes) for step in s.steps),
            acts=tuple(_scaled_act(act, cycles, abrupt=abrupt) for act in s.acts),
        )
        for s in script.sessions
    )
    return Script(tuple(one for s in scaled_sessions for one in _repeats(s, s.times or cycles)))


def _scaled_act(act: Act, cycles: int, *, abrupt: bool) -> Act:
    if abrupt and act == Cancel("fin"):
        return Cancel("rst")
    return replace(act, n=act.n * cycles, per_cycle=False) if isinstance(act, Say) and act.per_cycle else act


def _repeats(session: Session, times: int) -> Iterator[Session]:
    before = session.beside
    for n in range(1, times + 1):
        name = session.id if n == 1 else f"{session.id}~{n}"
        first = (n - 1) % session.together == 0
        yield replace(session, id=name, beside=session.beside if first else before, times=1, together=1)
        before = name


def script_to_json(script: Script) -> list[dict[str, Any]]:
    return [
        {
            "id": s.id,
            "role": s.role,
            "beside": s.beside,
            "options": dict(s.options),
            "times": s.times,
            "together": s.together,
            "steps": [step_to_json(step) for step in s.steps],
            "direction": s.direction,
            "acts": [_act_to_json(act) for act in s.acts],
        }
        for s in script.sessions
    ]


def _act_to_json(act: Act) -> dict[str, Any]:
    values = {f.name: getattr(act, f.name) for f in fields(act)}
    return {"act": type(act).__name__, **{k: dict(v) if isinstance(v, Mapping) else v for k, v in values.items()}}


def script_from_json(data: Any) -> Script:
    """The inverse of `script_to_json`. Raises `KeyError`, `TypeError` or `ValueError` for anything else."""
    if not isinstance(data, list):
        raise TypeError("script: a list of sessions is needed")
    return Script(tuple(_session(entry) for entry in data))


def _session(data: Any) -> Session:
    if not isinstance(data, dict):
        raise TypeError("script: a session is an object")
    plain = {key: value for key, value in data.items() if key not in {"acts", "steps"}}
    steps = tuple(step_from_json(step) for step in data.get("steps", ()))
    return build(Session, plain, acts=tuple(_act(act) for act in data["acts"]), steps=steps)


def _act(data: Any) -> Act:
    if not isinstance(data, dict):
        raise TypeError("script: an act is an object")
    return build(ACTS[data["act"]], {key: value for key, value in data.items() if key != "act"})
