"""What a target tells of itself, and one account of everything: its own words, and what its process uses.

Whatever a target answers is an answer: what cannot be read is left out and named in words, and nothing is raised. Never
here: what the figures mean, or when they were true (whoever asks has the clock).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core import json_text
from streamspec.harness.core.event import Closed, Ended, Opened, Refused, content_coding
from streamspec.harness.core.inert import printable
from streamspec.harness.core.ports import Body, Figures
from streamspec.harness.core.profile import field_at
from streamspec.harness.core.redaction import redacted_url
from streamspec.harness.engine.figures import figures_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streamspec.harness.core.case import Tell
    from streamspec.harness.core.event import SeenBy
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.ports import Exchange, Request, Transport
    from streamspec.harness.engine.process import ProcessTree

Take = Callable[[], Awaitable[list[Figures]]]
PROBLEM: Final = "problem"  # beside the figures of an account: in words, why some are missing
_WORD_CHARS: Final = 40
_WHOLE_MAX: Final = 2**53  # a whole number that JSON spells as a fraction is exact up to here
_INT_MAX: Final = 2**63 - 1


def accountant(
    process: ProcessTree | None,
    tells: Sequence[Tell],
    transport: Transport,
    limits: Limits,
    budgets: Mapping[str, float],
) -> Take:
    """What takes one account. Every figure in it was true at one instant between the call and its answer. An account
    with something missing says why under `PROBLEM`."""

    async def take() -> list[Figures]:
        accounts = []
        if process is not None:  # first: the connection on which we ask is no part of it
            values = await asyncio.to_thread(lambda: figures_of(process.pids()))
            accounts.append(_account("harness", values, process.exit_note()))
        if tells:
            accounts.append(_account("driver", *await ask(tells, transport, limits, budgets)))
        return accounts

    return take


def _account(seen_by: SeenBy, values: Mapping[str, int], problem: str) -> Figures:
    return Figures(seen_by, {**values, PROBLEM: problem} if problem else values)


async def ask(
    tells: Sequence[Tell], transport: Transport, limits: Limits, budgets: Mapping[str, float]
) -> tuple[dict[str, int], str]:
    """What the target tells now, and in words what it does not; each request is sent once, all within `account_ms`.
    Raises `UsageError` for a request that cannot be sent."""
    requests = tuple(dict.fromkeys(tell.request for tell in tells))
    asking = (_json_of(request, transport, limits, budgets) for request in requests)
    answers: dict[Request, tuple[Any, str]] = {}
    for request, answer in zip(requests, await asyncio.gather(*asking, return_exceptions=True), strict=True):
        if isinstance(answer, BaseException):  # when all have ended: none is left to run on
            raise answer
        answers[request] = answer
    values: dict[str, int] = {}
    problems = [f"{redacted_url(request.url)} {problem}" for request, (_, problem) in answers.items() if problem]
    for tell in tells:
        json, problem = answers[tell.request]
        if problem:
            continue
        if (figure := whole_number(field_at(json, tell.field))) is None:
            problems.append(f"{tell.name}: no whole number at {tell.field}")
        else:
            values[tell.name] = figure
    return values, printable("; ".join(problems), limits.message_chars)


def whole_number(value: Any) -> int | None:
    """A figure as a JSON value tells it: `true` is 1, `3.0` is 3; None for everything that does not count."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= _WHOLE_MAX else None
    return int(value) if isinstance(value, int) and abs(value) <= _INT_MAX else None


async def _json_of(
    request: Request, transport: Transport, limits: Limits, budgets: Mapping[str, float]
) -> tuple[Any, str]:
    """The value that the answer holds, or in words why there is none."""
    try:
        async with asyncio.timeout(budgets["account_ms"] / 1e3):
            exchange = await transport.open(request, limits, budgets["connect_ms"])
            try:
                body, problem = await _body_of(exchange, limits)
            finally:
                await exchange.close()
    except TimeoutError:
        return None, f"was not answered whole within {budgets['account_ms']:g} ms"
    if problem:
        return None, problem
    try:
        text = body.decode("utf-8-sig")  # RFC 8259 §8.1: who reads may pass over a byte order mark
    except UnicodeDecodeError:
        return None, "answered what is no UTF-8"
    read = json_text.read(text, limits.json_depth)
    return read.value, f"answered what is no JSON ({read.fault})" if read.fault else ""


async def _body_of(exchange: Exchange, limits: Limits) -> tuple[bytes, str]:
    """The whole body of an answer, or in words why not."""
    body = bytearray()
    while batch := await exchange.receive():
        for seen in batch:
            match seen:
                case Opened():
                    if problem := _unusable(seen):
                        return b"", problem
                case Body(data):
                    body += data
                    if len(body) > limits.account_bytes:
                        return b"", f"answered more than {limits.account_bytes} octets"
                case Ended():
                    return bytes(body), ""
                case Refused(why):
                    return b"", f"was not answered ({why})"
                case Closed(how):
                    return b"", f"was answered in part ({how})"
                case _:  # a deviation: who observes heads and framing judges them elsewhere
                    pass
    return b"", "was not answered"


def _unusable(opened: Opened) -> str:
    if opened.status != 200:  # RFC 9110 §15.3.1: the others carry no account
        return f"answered {opened.status}"
    coding = content_coding(opened)
    return f"answered in Content-Encoding {printable(coding, _WORD_CHARS)}" if coding else ""
