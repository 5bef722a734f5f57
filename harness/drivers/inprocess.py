"""`inprocess`: stream objects of this process. What one offers, how it is made, what its answers and exceptions mean.

Never here: a caller, a clock, a verdict, or an import of anybody's stream. An object is read by its shape alone.
"""

from __future__ import annotations

import enum
import inspect
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.inert import printable
from streamspec.harness.core.objects import CLAIMS, CODES, FEATURES, Kind, ObjectTarget
from streamspec.harness.core.ports import Adapter, Answer, ObjectDriver, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_METHODS: Final = {
    "complete": ("complete",),
    "error": ("error",),
    "cancel": ("cancel",),
    "pause": ("pause", "resume"),
    "listeners": ("on_end",),
    "produce": ("produce",),
    "feed": ("feed",),
}
_ATTRIBUTES: Final = {"buffered": "buffered_amount", "state": "state", "remaining": "remaining_s"}
# The names under which a factory may take an option of ours.
_OPTIONS: Final = {
    "capacity": ("capacity", "maxsize", "max_buffer_size", "high_water_mark"),
    "send_timeout_s": ("send_timeout_s",),
    "deadline_s": ("deadline_s",),
    "idle_s": ("idle_s",),
    "priority": ("priority",),
}
_OPTION_FEATURES: Final = {
    "capacity": "capacity",
    "send_timeout_s": "send-timeout",
    "deadline_s": "deadline",
    "idle_s": "idle",
}
_MESSAGE_MAX: Final = 200
_MISSING: Final = object()


def look(name: str, factory: Callable[..., Any], adapters: Sequence[Adapter], claims: frozenset[str]) -> ObjectTarget:
    """What the factory's objects offer. Makes one of them, without options."""
    for claim in sorted(claims - set(CLAIMS)):
        raise UsageError(f"--claim {claim}: nothing that can be claimed (there is {', '.join(CLAIMS)})")
    try:
        made = factory()
    except Exception as error:
        raise UsageError(f"--object {name}: called without arguments it raised {_short(error)}") from error
    if inspect.iscoroutine(made):
        made.close()
        raise UsageError(f"--object {name}: the factory is async; a plain one is needed")
    adapter = _adapter(made, adapters)
    stream = adapter.wrap(made) if adapter else made
    lacks = [method for method in ("send", "receive") if not callable(getattr(stream, method, None))]
    if lacks:
        raise UsageError(
            f"--object {name}: made a {printable(type(stream).__name__)}, which has no {' and no '.join(lacks)}; "
            "docs/objects.md says what is needed, and how to write an adapter"
        )
    kind = _kind(stream)
    features = frozenset(_features(stream, factory, kind)) | claims | _claimed(factory) | _claimed(stream)
    features |= adapter.claims if adapter else frozenset()
    declared = dict(_figures(stream, factory))
    if callable(dispose := getattr(stream, "dispose", None)):
        dispose()
    return ObjectTarget(name, kind, features & set(FEATURES), adapter.name if adapter else "", declared)


def make(factory: Callable[..., Any], adapters: Sequence[Adapter], options: Mapping[str, int | str]) -> Any:
    """One object, with these options under the names that the factory has for them. A duration ends in `_ms` here
    and in `_s` there."""
    given: dict[str, Any] = {}
    for option, value in options.items():
        wanted, amount = _in_seconds(option, value)
        name = _name_of(factory, wanted)
        if name:
            given[name] = amount
    made = factory(**given)
    adapter = _adapter(made, adapters)
    return adapter.wrap(made) if adapter else made


def read(stream: Any, value: Any) -> Answer:
    """What a receive's answer means: the object's own `END`, else an item."""
    end = getattr(stream, "END", _MISSING)
    if value is end and end is not _MISSING:
        return Answer("end")
    return Answer("item", value if isinstance(value, str) else repr(value)[:_MESSAGE_MAX])


def refusal(raised: BaseException) -> Refusal:
    """What an exception says: its `code` by name if it has one, and whether it is Python's way to say end."""
    end = isinstance(raised, (StopIteration, StopAsyncIteration, EOFError))
    message = printable(str(raised), _MESSAGE_MAX)
    return Refusal(_code(raised), type(raised).__name__, message, end)


def _code(raised: BaseException) -> str:
    code = getattr(raised, "code", "")
    name = code.name if isinstance(code, enum.Enum) else code
    return name if isinstance(name, str) and name in CODES else ""


def _adapter(made: object, adapters: Sequence[Adapter]) -> Adapter | None:
    return next((adapter for adapter in adapters if adapter.fits(made)), None)


def _kind(stream: Any) -> Kind:
    """Whether operations are awaited: `receive` decides, as a coroutine function or beside `async for`."""
    if inspect.iscoroutinefunction(stream.receive) or hasattr(type(stream), "__aiter__"):
        return "asyncio"
    return "threads"


def _features(stream: Any, factory: Callable[..., Any], kind: Kind) -> Iterator[str]:
    yield from (name for name, methods in _METHODS.items() if all(callable(getattr(stream, m, None)) for m in methods))
    yield from (name for name, attribute in _ATTRIBUTES.items() if hasattr(stream, attribute))
    yield from (name for option, name in _OPTION_FEATURES.items() if _name_of(factory, option))
    if hasattr(type(stream), "__aiter__" if kind == "asyncio" else "__iter__"):
        yield "iterate"
    if isinstance(getattr(stream, "capacity", None), int):
        yield "default-capacity"
    if kind == "asyncio":
        yield "abandon"
    if _name_of(factory, "priority") and callable(getattr(factory, "scheduler", None)):
        yield "priority"
        if isinstance(getattr(factory, "starvation_bound", None), int):
            yield "starvation-bound"


def _figures(stream: Any, factory: Callable[..., Any]) -> Iterator[tuple[str, int]]:
    for name, owner in (("capacity", stream), ("starvation_bound", factory)):
        value = getattr(owner, name, None)
        if isinstance(value, int):
            yield name, value


def _claimed(owner: Any) -> frozenset[str]:
    claims = getattr(owner, "claims", ())
    return (
        frozenset(claim for claim in claims if claim in CLAIMS)
        if isinstance(claims, (set, frozenset, tuple))
        else (frozenset())
    )


def _in_seconds(option: str, value: int | str) -> tuple[str, Any]:
    if option.endswith("_ms") and isinstance(value, int):
        return option.removesuffix("_ms") + "_s", value / 1e3
    return option, value


def _name_of(factory: Callable[..., Any], option: str) -> str:
    """The parameter of the factory that takes this option; empty when it has none that can be seen."""
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return ""
    return next((name for name in _OPTIONS.get(option, (option,)) if name in parameters), "")


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {printable(str(error), _MESSAGE_MAX)}"


INPROCESS = ObjectDriver(name="inprocess", look=look, make=make, read=read, refusal=refusal)
