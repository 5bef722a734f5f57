"""The scripted endpoint (docs/contract.md): what it can do, and from a request's head, or a message that asks for a
stream, to a stream that plays a script, to a witness's figures, or to a gate that opens. Pure but for the runs, which
it is handed.

Never here: a stream at work (`session`), the playing (`player`), or reading and writing a connection.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from streamspec.reference_impl import payload
from streamspec.reference_impl.gates import TooManyGates
from streamspec.reference_impl.inlet import Inlet, no_items
from streamspec.reference_impl.player import LIMIT_BYTES, Player
from streamspec.reference_impl.roles import Role
from streamspec.reference_impl.routing import MOST_FIELDS, SCRIPT, Asked, Limits, Page, Refused
from streamspec.reference_impl.script import (
    LONGEST_NAME_CHARS,
    MOST_ITEMS,
    MOST_SCRIPT_BYTES,
    OPTIONS,
    STEPS,
    Malformed,
    Script,
    Unsupported,
    parse,
    parse_wish,
)
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.scheduler import STARVATION_BOUND
from streamspec.reference_impl.witness import FIGURES, Run, TooManyRuns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streamspec.reference_impl.witness import Figures, Runs, Witness

CONTRACT: Final = 1
STREAMS: Final = ("sse", "ndjson", "json_array")  # each is asked for, and found among the bindings, by this name
WEBSOCKET: Final = "ws"
DIRECTIONS: Final = ("server", "client", "bidi", "unary")  # of what is asked for in a message
MOST_STREAMS: Final = 128  # of one connection, at a time
FRAME_TIMEOUT_MS: Final = 4_000  # over TCP, for the rest of a frame that has begun to come
RUN: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
RUN_WANTED: Final = "run must be 1 to 64 characters out of A-Z a-z 0-9 . _ -"
REFUSES: Final = "the script refuses this stream"
JSON: Final = "application/json"
DECLARES: Final = {
    "resume": "exactly-once",
    "explicit_end": True,
    "codes": True,
    "limit_bytes": LIMIT_BYTES,
    "numbers": "text",
    "expiry": "end",
    "signals_unknown": True,
    # of the connections that streams share:
    "credit": True,
    "priority": True,
    "starvation_bound": STARVATION_BOUND,
    "fair": True,
    "max_streams": MOST_STREAMS,
    "frame_timeout_ms": FRAME_TIMEOUT_MS,
    # and over gRPC:
    "echoes_metadata": True,
}
# How HTTP says that a stream is refused; all others are the server's own failures.
STATUSES: Final[Mapping[Code, int]] = {
    Code.INVALID_ARGUMENT: 400,
    Code.UNAUTHENTICATED: 401,
    Code.UNAUTHORIZED: 403,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.TIMED_OUT: 504,
}
NOWHERE: Final[Mapping[str, str]] = MappingProxyType({})
UPGRADE: Final = Refused(426, "this is a WebSocket", (("upgrade", "websocket"), ("connection", "upgrade")))
FOREIGN: Final = Refused(403, "this run is somebody else's")
CHALLENGE: Final = (("www-authenticate", 'Bearer realm="streamspec"'),)


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks, and whether what is one client's is another's as well. Where nobody is asked who he is, all are one."""

    name: str = ""
    owns: Callable[[str, str], bool] = operator.eq

    def may_have(self, owner: str | None) -> bool:
        """A run that nobody has named may be anybody's."""
        return owner is None or self.owns(owner, self.name)


ANYBODY: Final = Client()


def features(
    *,
    protected: bool,
    isolated: bool = False,
    lossy: str = "",
    fin_half_closes: bool = False,
    elsewhere: Mapping[str, str] = NOWHERE,
) -> dict[str, object]:
    """What is declared. It must be true of every stream, in each binding; `elsewhere` are those that are not served
    over HTTP."""
    return {
        "contract": CONTRACT,
        "streams": {**{name: name for name in (*STREAMS, WEBSOCKET)}, **elsewhere},
        "directions": list(DIRECTIONS),
        "profile": "streamspec",
        "steps": list(STEPS),
        "options": list(OPTIONS),
        "witness": list(FIGURES),
        "declares": {
            **DECLARES,
            **({"auth": "bearer"} if protected else {}),
            **({"isolated": True} if isolated else {}),
            **({"lossy": lossy} if lossy else {}),
            **({"fin_half_closes": True} if fin_half_closes else {}),
        },
    }


def page(
    method: str,
    name: str,
    query: str,
    runs: Runs,
    told: Mapping[str, object],
    figures: Callable[[Run], Figures] = Run.figures,
    client: Client = ANYBODY,
) -> Page | Refused:
    """What is no stream: the features, as they are told, a witness with these figures, or a gate."""
    wanted = "POST" if name == "gate" else "GET"
    if method != wanted:
        return Refused(405, f"{name} is asked for with {wanted}", (("allow", wanted),))
    if name == "features":
        return Page(payload.to_json(told), JSON)
    try:
        given = _given(query)
        run = _run(given)
        if not client.may_have(runs.owner(run)):
            return FOREIGN
        return _witness(runs, run, figures) if name == "witness" else _gate(runs, run, given, client.name)
    except Malformed as reason:
        return Refused(400, str(reason))


def asked(
    method: str,
    name: str,
    query: str,
    runs: Runs,
    resume: Callable[[int], int | None],
    reads: Callable[[Script], Script] = lambda script: script,
    client: Client = ANYBODY,
) -> Asked | Refused:
    """A stream that plays a script. `resume(n)` says behind which item of so many the client wants to go on, None
    behind one that there is not; `reads` what a script is taken for."""
    if name not in STREAMS:
        return UPGRADE if name == WEBSOCKET else Refused(404, "there is no such stream")
    if method != "GET":
        return Refused(405, "streams are asked for with GET", (("allow", "GET"),))
    try:
        given = _given(query)
        run, script = _run(given), reads(parse(_script(given)))
        mine = client.may_have(runs.owner(run))
        return _stream(name, runs.witness(run, client.name), script, resume) if mine else FOREIGN
    except Malformed as reason:
        return Refused(400, str(reason))
    except Unsupported as reason:
        return Refused(501, payload.to_json({"unsupported": str(reason)}), kind=JSON)
    except TooManyRuns:
        return Refused(503, "too many runs are at work")


def opened(
    direction: str,
    text: str,
    runs: Runs,
    reads: Callable[[Script], Script] = lambda script: script,
    client: Client = ANYBODY,
    inlet: Callable[..., Inlet] = Inlet,
    deadline_s: float | None = None,
) -> Asked | StreamError:
    """A stream of that direction which is asked for in a message, `{"run": …, "script": …}`; or why there is none, as
    an exception that is not raised. `inlet` makes what its client's items go through: whoever reads them puts them into
    `Asked.inlet`. A `deadline_s` that the carrier has a place of its own for goes before the script's."""
    try:
        witness, script = _wished(direction, text, runs, client, reads)
    except Malformed as reason:
        return StreamError(Code.INVALID_ARGUMENT, str(reason))
    except Unsupported as reason:
        return StreamError(Code.UNIMPLEMENTED, f"unsupported: {reason}")
    except TooManyRuns:
        return StreamError(Code.RESOURCE_EXHAUSTED, "too many runs are at work")
    except StreamError as refused:
        return refused
    witness.run.offered = script.offered
    if (code := script.refusal) is not None:
        witness.refuse()
        return StreamError(code, REFUSES)
    items = no_items() if direction == "server" else inlet(one=direction == "unary")
    return _playing(f"{SCRIPT}{direction}", witness, script, 0, items, deadline_s)


def _wished(
    direction: str, text: str, runs: Runs, client: Client, reads: Callable[[Script], Script]
) -> tuple[Witness, Script]:
    """The run and the script that a message asks for. Raises whatever is wrong with them."""
    if direction not in DIRECTIONS:
        raise StreamError(Code.NOT_FOUND, f"there are the directions {', '.join(DIRECTIONS)}")
    if len(text.encode()) > MOST_SCRIPT_BYTES:
        raise Malformed(f"what asks for a stream has at most {MOST_SCRIPT_BYTES} octets")
    run, wished = parse_wish(text)
    script = reads(wished)
    if not RUN.fullmatch(run):
        raise Malformed(RUN_WANTED)
    if not client.may_have(runs.owner(run)):
        raise StreamError(Code.UNAUTHORIZED, FOREIGN.text)
    return runs.witness(run, client.name), script


def _stream(name: str, witness: Witness, script: Script, resume: Callable[[int], int | None]) -> Asked | Refused:
    offered = script.offered
    after = resume(MOST_ITEMS if offered is None else offered)
    if after is None:
        return Refused(412, "Last-Event-ID is no id of this stream")
    witness.run.offered = offered
    if (code := script.refusal) is not None:
        witness.refuse()
        return refusal(code)
    return _playing(f"{SCRIPT}{name}", witness, script, after, no_items())


def _playing(
    path: str, witness: Witness, script: Script, after: int, inlet: Inlet, deadline_s: float | None = None
) -> Asked:
    left = None if script.offered is None else max(0, script.offered - after)
    witness.run.inlet = inlet
    role = Role(path, (), Player(script, witness.run, after, inlet), None if left is None else lambda _: left)
    if deadline_s is None:
        deadline_s = script.seconds("deadline_ms")
    limits = Limits(deadline_s, script.seconds("idle_ms"), script.seconds("send_timeout_ms"))
    return Asked(role, {"heartbeat_ms": script.options.get("heartbeat_ms", 0)}, limits, witness, inlet)


def refusal(code: Code) -> Refused:
    """A failure that is known before the stream begins."""
    text = payload.to_json({"code": code.value, "message": REFUSES})
    return Refused(STATUSES.get(code, 500), text, CHALLENGE if code is Code.UNAUTHENTICATED else (), JSON)


def _witness(runs: Runs, name: str, figures: Callable[[Run], Figures]) -> Page | Refused:
    run = runs.begun(name)
    return Refused(404, "nobody has begun such a run") if run is None else Page(payload.to_json(figures(run)), JSON)


def _gate(runs: Runs, run: str, given: Mapping[str, str], owner: str) -> Page | Refused:
    name = given.get("name", "")
    if not 0 < len(name) <= LONGEST_NAME_CHARS:
        raise Malformed(f"name must have from 1 to {LONGEST_NAME_CHARS} characters")
    try:
        runs.named(run, owner).gates.open(name)
    except TooManyGates:
        return Refused(429, "this run has too many gates")
    except TooManyRuns:
        return Refused(503, "too many runs are at work")
    return Page(payload.to_json({"opened": name}), JSON)


def _given(query: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict"))
    except ValueError as reason:
        raise Malformed(f"the query is no query: {reason}") from None


def _run(given: Mapping[str, str]) -> str:
    name = given.get("run", "")
    if not RUN.fullmatch(name):
        raise Malformed(RUN_WANTED)
    return name


def _script(given: Mapping[str, str]) -> str:
    text = given.get("script", "")
    if len(text.encode()) > MOST_SCRIPT_BYTES:
        raise Malformed(f"a script has at most {MOST_SCRIPT_BYTES} octets")
    return text
