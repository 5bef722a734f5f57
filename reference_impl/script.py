"""A script as it is asked for: its JSON read into steps and options, or the reason why it cannot be (docs/contract.md).

Pure. Never here: playing one, HTTP, or what an item looks like on a wire.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NoReturn, get_args

from streamspec.reference_impl import payload
from streamspec.reference_impl.roles import MOST_LARGE_ITEMS, SILENT_MS
from streamspec.reference_impl.stream.errors import Code

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The contract's bound on a whole request, so no more can have come. It bounds steps, items and gates as well.
MOST_SCRIPT_BYTES: Final = 6_000
MOST_ITEMS: Final = MOST_LARGE_ITEMS  # of one `generate`; without an end it is over after as many
LONGEST_MS: Final = SILENT_MS
MOST_BYTES: Final = 1_000_000_000  # that may be asked of one item; whether it can be sent is another question
LONGEST_NAME_CHARS: Final = 64


class Malformed(ValueError):
    """No script at all."""


class Unsupported(ValueError):
    """A script of a contract that knows more than we do; says the name of what we do not know."""


@dataclass(frozen=True, slots=True)
class Send:
    """`items` are JSON texts, each on one line."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Generate:
    """`n`: None is without end. `bytes`: of an item's JSON; 0 is as few as there can be."""

    n: int | None
    bytes: int
    every_ms: int


@dataclass(frozen=True, slots=True)
class Wait:
    ms: int


@dataclass(frozen=True, slots=True)
class Gate:
    name: str


@dataclass(frozen=True, slots=True)
class Fail:
    """`code`: None for an exception that nobody expected."""

    code: Code | None
    message: str


@dataclass(frozen=True, slots=True)
class Refuse:
    code: Code


@dataclass(frozen=True, slots=True)
class Complete:
    """An explicit end."""


@dataclass(frozen=True, slots=True)
class Abandon:
    """The handler leaves, and has not ended its stream."""


@dataclass(frozen=True, slots=True)
class Receive:
    """Take `n` items of the client's, and pause behind each. `n`: None is all until its half-close, which ends any."""

    n: int | None
    every_ms: int


@dataclass(frozen=True, slots=True)
class Echo:
    """Send back `n` items of the client's, each as it comes. `n`: None is all until its half-close, which ends any."""

    n: int | None


@dataclass(frozen=True, slots=True)
class Collect:
    """Take all items of the client's until its half-close, and send one that counts them."""


@dataclass(frozen=True, slots=True)
class Drain:
    """From now on take all items of the client's, beside the further steps."""


Step = Send | Generate | Wait | Gate | Fail | Refuse | Complete | Abandon | Receive | Echo | Collect | Drain
STEPS: Final[Mapping[str, type[Step]]] = {kind.__name__.lower(): kind for kind in get_args(Step)}
OPTIONS: Final = ("deadline_ms", "heartbeat_ms", "idle_ms", "send_timeout_ms", "expires_ms")


@dataclass(frozen=True, slots=True)
class Script:
    """`options` are those that were given, all of them milliseconds."""

    steps: tuple[Step, ...]
    options: Mapping[str, int]

    @property
    def offered(self) -> int | None:
        """How many items it has in all, those after an end as well; None without end."""
        counts = [_count(step) for step in self.steps]
        return None if None in counts else sum(count or 0 for count in counts)

    @property
    def refusal(self) -> Code | None:
        """With which the stream is to be refused before it begins."""
        return self.steps[0].code if self.steps and isinstance(self.steps[0], Refuse) else None

    def behind(self, after: int) -> tuple[Step, ...]:
        """What is left for a client that has so many items: from the item behind them on, or if there is none, what
        comes after the last one."""
        ahead = 0
        for place, step in enumerate(self.steps if after else ()):
            count = _count(step)
            if count is None or ahead + count > after:
                return (_without(step, after - ahead), *self.steps[place + 1 :])
            ahead += count
        last = max((place for place, step in enumerate(self.steps) if _count(step)), default=-1)
        return self.steps[last + 1 :] if after else self.steps

    def seconds(self, option: str) -> float | None:
        return self.options[option] / 1000 if option in self.options else None


def _count(step: Step) -> int | None:
    match step:
        case Send(items=items):
            return len(items)
        case Generate(n=n) | Echo(n=n):
            return n
        case Collect():
            return 1
        case _:
            return 0


def _without(step: Step, first: int) -> Step:
    """A step that sends, but for its first items."""
    match step:
        case Send(items=items):
            return Send(items[first:])
        case Generate(n=int(n)) | Echo(n=int(n)):
            return replace(step, n=n - first)
        case _:
            return step


@dataclass(frozen=True, slots=True)
class _Number:
    """A number as it was written: to read it is to lose digits."""

    text: str


def parse(text: str) -> Script:
    """A script of its JSON text, at most `MOST_SCRIPT_BYTES` of it.

    Raises `Malformed` for what is none, `Unsupported` for a step, a step's field or an option that is not known here.
    """
    return _of(_read(text, "the script"))


def parse_wish(text: str) -> tuple[str, Script]:
    """The run's name and the script of `{"run": …, "script": …}`, for a stream that is asked for in a message. Raises
    as `parse` does; whether it is a good name is another question."""
    read = _read(text, "the message")
    if not isinstance(read, dict) or "script" not in read:
        raise Malformed("a stream is asked for with an object that has a run and a script")
    run = read.get("run")
    return run if isinstance(run, str) else "", _of(read["script"])


def _read(text: str, what: str) -> Any:
    try:
        return json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_no_constant)
    except (ValueError, RecursionError) as reason:
        raise Malformed(f"{what} is no JSON: {reason}") from None


def _of(read: Any) -> Script:
    if not isinstance(read, dict) or not isinstance(read.get("steps"), list):
        raise Malformed("a script is an object with a list of steps")
    for name in read:
        if name != "steps" and name not in OPTIONS:
            raise Unsupported(name)
    steps = tuple(_step(step, f"steps[{place}]") for place, step in enumerate(read["steps"]))
    _check_order(steps)
    return Script(steps, {name: _whole(read, name, "script", LONGEST_MS) for name in OPTIONS if name in read})


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is none of its numbers")


def _step(said: Any, where: str) -> Step:
    if not isinstance(said, dict) or not isinstance(said.get("do"), str):
        raise Malformed(f"{where}: a step is an object that says what to `do`")
    kind = STEPS.get(said["do"])
    if kind is None:
        raise Unsupported(said["do"])
    for name in said:
        if name != "do" and name not in kind.__dataclass_fields__:
            raise Unsupported(f"{said['do']}.{name}")
    return _READ[kind](said, where)


def _send(said: dict[str, Any], where: str) -> Step:
    items = said.get("items")
    if not isinstance(items, list):
        raise Malformed(f"{where}.items: a list of items is needed")
    return Send(tuple(_text(item) for item in items))


def _generate(said: dict[str, Any], where: str) -> Step:
    return Generate(
        _count_of(said, where),
        _whole(said, "bytes", where, MOST_BYTES, 0),
        _whole(said, "every_ms", where, LONGEST_MS, 0),
    )


def _count_of(said: dict[str, Any], where: str) -> int | None:
    return _whole(said, "n", where, MOST_ITEMS) if "n" in said else None


def _fail(said: dict[str, Any], where: str) -> Step:
    return Fail(_code(said, where) if "code" in said else None, _words(said, "message", where, "the script fails here"))


def _gate(said: dict[str, Any], where: str) -> Step:
    name = _words(said, "name", where)
    if not 0 < len(name) <= LONGEST_NAME_CHARS:
        raise Malformed(f"{where}.name: from 1 to {LONGEST_NAME_CHARS} characters")
    return Gate(name)


def _refuse(said: dict[str, Any], where: str) -> Step:
    return Refuse(_code(said, where) if "code" in said else Code.UNKNOWN)


_READ: Final[Mapping[type[Step], Callable[[dict[str, Any], str], Step]]] = {
    Send: _send,
    Generate: _generate,
    Wait: lambda said, where: Wait(_whole(said, "ms", where, LONGEST_MS)),
    Gate: _gate,
    Fail: _fail,
    Refuse: _refuse,
    Complete: lambda _said, _where: Complete(),
    Abandon: lambda _said, _where: Abandon(),
    Receive: lambda said, where: Receive(_count_of(said, where), _whole(said, "every_ms", where, LONGEST_MS, 0)),
    Echo: lambda said, where: Echo(_count_of(said, where)),
    Collect: lambda _said, _where: Collect(),
    Drain: lambda _said, _where: Drain(),
}


def _check_order(steps: tuple[Step, ...]) -> None:
    ended = False
    for place, step in enumerate(steps):
        if isinstance(step, Refuse) and place:
            raise Malformed(f"steps[{place}]: a stream is refused before it has begun, or not at all")
        if ended and isinstance(step, Generate) and step.n is None:
            # It would be refused for ever, and nothing would ever hold it up.
            raise Malformed(f"steps[{place}].n: after an end a count is needed")
        ended = ended or isinstance(step, Complete | Fail)


def _whole(said: dict[str, Any], name: str, where: str, most: int, default: int | None = None) -> int:
    if name not in said and default is not None:
        return default
    value = said.get(name)
    if isinstance(value, _Number) and value.text.isdigit() and len(value.text) <= len(str(most)):
        number = int(value.text)
        if number <= most:
            return number
    raise Malformed(f"{where}.{name}: a whole number from 0 to {most} is needed")


def _words(said: dict[str, Any], name: str, where: str, default: str | None = None) -> str:
    value = said.get(name, default)
    if not isinstance(value, str) or not payload.has_utf8(value):
        raise Malformed(f"{where}.{name}: a text is needed")
    return value


def _code(said: dict[str, Any], where: str) -> Code:
    name = _words(said, "code", where)
    if name not in Code.__members__ or name == Code.OK:
        raise Malformed(f"{where}.code: one of the contract's codes is needed")
    return Code(name)


def _text(value: Any) -> str:
    """An item as JSON on one line, with its numbers as they were."""
    match value:
        case _Number(text=text):
            return text
        case str():
            # Half a surrogate pair has no UTF-8, but an escape.
            return payload.to_json(value) if payload.has_utf8(value) else json.dumps(value)
        case dict():
            return f"{{{','.join(f'{_text(name)}:{_text(held)}' for name, held in value.items())}}}"
        case list():
            return f"[{','.join(map(_text, value))}]"
        case _:
            return json.dumps(value)
