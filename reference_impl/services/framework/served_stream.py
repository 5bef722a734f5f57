"""One stream of a procedure at work: what its handler sends leaves through an outlet, and what ends the stream while
the handler is at work aborts its signal.

The same for every protocol. Never here: a protocol, or what is around a handler (`playing`).
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from streamspec.reference_impl.envelopes import ID, TOP_PRIORITY, whole
from streamspec.reference_impl.frame import Item
from streamspec.reference_impl.inlet import Inlet, no_items
from streamspec.reference_impl.payload import writable
from streamspec.reference_impl.roles import BREATH, Role
from streamspec.reference_impl.routing import Asked, Limits
from streamspec.reference_impl.services.framework.context import Context, Signal
from streamspec.reference_impl.services.framework.faults import Misfit, Unfit
from streamspec.reference_impl.services.framework.playing import play
from streamspec.reference_impl.services.framework.schema import to_json
from streamspec.reference_impl.stream import errors
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.marks import END

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.outlet import Outlet
    from streamspec.reference_impl.roles import Values
    from streamspec.reference_impl.services.framework.procedure import Procedure
    from streamspec.reference_impl.services.framework.served_options import Options

MOST_ITEM_BYTES: Final = 1_048_576  # of what a handler sends, as JSON
LONGEST_DEADLINE_MS: Final = 600_000  # that a client may ask for in words
DEADLINE: Final = "x-deadline-ms"
REQUEST_ID: Final = "x-request-id"
CANCELLED: Final = "Client cancelled"
DISCONNECTED: Final = "Client disconnected"
BROKEN_OFF: Final = "Stream failed"
_UNSAID: Final = errors.cancelled("").message  # of a cancel that nobody gave a reason


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a client asked for, validated."""

    procedure: Procedure
    payload: object
    id: str
    metadata: Mapping[str, str]
    inlet: Inlet


def asked(
    procedure: Procedure, payload: object, client: Headers, options: Options, deadline_s: float | None = None
) -> Asked:
    """The stream that a client asks for. `payload` is validated; `client` is what is known of him, and what he said
    last of several counts. Raises `StreamError` for a deadline that is none."""
    metadata = dict(client)
    inlet = no_items() if procedure.direction == "server" else Inlet(options.high_water_mark)
    told = metadata.get(REQUEST_ID, "")
    wanted = _Wanted(procedure, payload, told if ID.fullmatch(told) else options.new_id(), metadata, inlet)
    soonest_s = _soonest(_said_s(metadata.get(DEADLINE)), deadline_s, options.deadline_s)
    return Asked(
        Role(procedure.name, (), partial(_work, wanted)),
        {"heartbeat_ms": options.heartbeat_ms},
        Limits(soonest_s, options.idle_s, options.send_timeout_s),
        inlet=inlet,
        priority=max(0, min(procedure.priority, TOP_PRIORITY)),
    )


def decoded(text: str) -> Any:
    """What a JSON text says. Raises INVALID_ARGUMENT."""
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):  # half a surrogate pair, and numbers that nothing can hold, as well
        raise StreamError(Code.INVALID_ARGUMENT, "a payload is JSON, whose numbers and texts can be held") from None


def _said_s(deadline_ms: str | None) -> float | None:
    return None if deadline_ms is None else whole(deadline_ms, LONGEST_DEADLINE_MS) / 1000


def _soonest(*deadlines_s: float | None) -> float | None:
    return min((deadline_s for deadline_s in deadlines_s if deadline_s is not None), default=None)


async def _work(wanted: _Wanted, outlet: Outlet, _values: Values) -> None:
    signal, at_work, number = Signal(), True, 0

    def abort() -> None:
        if not at_work:
            return
        if outlet.is_cancelled:
            outlet.learn()
        reason = outlet.reason
        signal.abort(DISCONNECTED if reason == _UNSAID else reason or BROKEN_OFF)

    async def send(output: object) -> None:
        nonlocal number
        number += 1
        await outlet.send(Item(number, _json_of(wanted.procedure, output), json=True))
        if number % BREATH == 0:
            await asyncio.sleep(0)

    def fail(failure: Exception) -> None:
        if outlet.is_open:
            outlet.error(_sayable(failure))

    outlet.on_end(abort)
    context = Context(wanted.id, signal, wanted.metadata, outlet.remaining_s)
    items = None if wanted.procedure.direction == "server" else _Items(wanted.inlet)
    try:
        with _sayably():
            await play(wanted.procedure, wanted.payload, items, context, send, fail)
    finally:
        at_work = False
    if outlet.is_open:
        outlet.complete()


def _json_of(procedure: Procedure, output: object) -> str:
    try:
        octets = to_json(output)
    except Misfit as misfit:
        raise Unfit(f"{procedure.name}: {misfit.message}") from None
    if len(octets) > MOST_ITEM_BYTES:
        raise StreamError(Code.RESOURCE_EXHAUSTED, f"an item has at most {MOST_ITEM_BYTES} octets")
    return octets.decode()


class _Items:
    """What the client sends, up to its half-close. Raises CANCELLED when that will not come, and INVALID_ARGUMENT for
    an item that nothing can hold."""

    # No generator: a read that is given up would end one, and what follows would be taken for the client's half-close.
    __slots__ = ("_inlet", "_number")

    def __init__(self, inlet: Inlet) -> None:
        self._inlet = inlet
        self._number = 0

    def __aiter__(self) -> _Items:
        return self

    async def __anext__(self) -> Any:
        text = await self._inlet.take()
        if text is END:
            raise StopAsyncIteration
        self._number += 1
        try:
            return decoded(text)
        except StreamError as wrong:
            raise StreamError(wrong.code, f"item {self._number}: {wrong.message}") from None


@contextlib.contextmanager
def _sayably() -> Iterator[None]:
    """Around what may raise a failure that no wire carries."""
    try:
        yield
    except Exception as failure:
        if (sayable := _sayable(failure)) is not failure:
            raise sayable from failure
        raise


def _sayable(failure: Exception) -> Exception:
    """The failure, or where no wire carries its text (a file's name can have half a surrogate pair) one like it."""
    shown = errors.shown(failure)
    message = writable(shown.message)
    return failure if message == shown.message else StreamError(shown.code, message)
