"""What a target tells of itself, and one account of everything: its own words, and what its process uses; and what else
is asked of it besides streams: what its adapter can do, and to open a gate.

Whatever a target answers is an answer: what cannot be read is left out and named in words, and nothing is raised. Never
here: what the figures mean, or when they were true (whoever asks has the clock).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.core import json_text
from streamspec.harness.core.accounts import PROBLEM
from streamspec.harness.core.asking import has_run
from streamspec.harness.core.case import WORDS
from streamspec.harness.core.event import Closed, Ended, Opened, Refused, content_coding
from streamspec.harness.core.inert import printable
from streamspec.harness.core.ports import Body, Figures
from streamspec.harness.core.profile import field_at
from streamspec.harness.core.redaction import redacted_url
from streamspec.harness.core.scripted import of_run
from streamspec.harness.engine.figures import figures_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streamspec.harness.core.case import Tell
    from streamspec.harness.core.event import SeenBy
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.ports import Exchange, Request, Transport
    from streamspec.harness.engine.process import ProcessTree

Take = Callable[[str, frozenset[str]], Awaitable[list[Figures]]]
_WORD_CHARS: Final = 40
_RUNS_MAX: Final = 1_000  # runs whose greatest sums are remembered, the last ones
_UNKNOWN: Final = 404  # what a witness answers for a run that nobody has begun
_WHOLE_MAX: Final = 2**53  # a whole number that JSON spells as a fraction is exact up to here
_INT_MAX: Final = 2**63 - 1


def accountant(
    process: ProcessTree | None,
    tells: Sequence[Tell],
    transport: Transport,
    limits: Limits,
    budgets: Mapping[str, float],
) -> Take:
    """What takes one account, given the id of the run that is asked about, empty for none, and the figures that are
    wanted: where its witness tells them all, nobody else is asked. Every figure in it was true at one instant between
    the call and its answer. An account with something missing says why under `PROBLEM`."""
    sums: dict[tuple[str, str], int] = {}
    by_witness = {tell.name for tell in tells if has_run(tell.request)}
    witnesses = {tell.request for tell in tells if has_run(tell.request)}
    others = [tell for tell in tells if not has_run(tell.request)]

    async def take(run: str, wanted: frozenset[str]) -> list[Figures]:
        accounts = []
        if process is not None:  # first: the connection on which we ask is no part of it
            values = await asyncio.to_thread(lambda: figures_of(process.pids()))
            accounts.append(_account("harness", values, process.exit_note()))
        # Of a stream that has a witness nobody else is asked for the same figure.
        due = [t for t in tells if has_run(t.request) or t.name not in by_witness] if run else others
        if run and wanted and wanted <= by_witness:
            due = [t for t in due if has_run(t.request)]
        if due:
            told = await ask(due, transport, limits, budgets, run)
            told_now = told.values | _grown(sums, run, due, told.values)
            unknown = not witnesses.isdisjoint(told.unknown)
            accounts.append(_account("driver", told_now, told.problem, unknown=unknown))
        return accounts

    return take


def _grown(
    sums: dict[tuple[str, str], int], run: str, tells: Sequence[Tell], values: Mapping[str, int | str]
) -> dict[str, int | str]:
    """Sums that do not fall: an item whose send has failed is in neither part any more, and was handed over all the
    same."""
    grown: dict[str, int | str] = {}
    for tell in tells:
        if tell.plus and isinstance(now := values.get(tell.name), int):
            most = max(now, sums.pop((tell.name, run), 0))
            grown[tell.name] = sums[tell.name, run] = most
    for oldest in list(sums)[: max(0, len(sums) - _RUNS_MAX)]:
        del sums[oldest]
    return grown


def _account(seen_by: SeenBy, values: Mapping[str, int | str], problem: str, *, unknown: bool = False) -> Figures:
    return Figures(seen_by, {**values, PROBLEM: problem} if problem else values, unknown)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the target told; in words what it did not; and the requests that it answered with 404, of whatever run."""

    values: dict[str, int | str]
    problem: str
    unknown: frozenset[Request] = frozenset()


async def ask(
    tells: Sequence[Tell], transport: Transport, limits: Limits, budgets: Mapping[str, float], run: str = ""
) -> Asked:
    """What the target tells now, of this run where a request has a place for one; each is sent once, all within
    `account_ms`. Raises `UsageError` for a request that cannot be sent."""
    requests = tuple(dict.fromkeys(tell.request for tell in tells))
    asking = (json_of(of_run(request, run), transport, limits, budgets) for request in requests)
    answers: dict[Request, Answered] = {}
    for request, answer in zip(requests, await asyncio.gather(*asking, return_exceptions=True), strict=True):
        if isinstance(answer, BaseException):  # when all have ended: none is left to run on
            raise answer
        answers[request] = answer
    values: dict[str, int | str] = {}
    problems = [f"{_named(request, run)} {told.problem}" for request, told in answers.items() if told.problem]
    for tell in tells:
        told = answers[tell.request]
        if told.problem:
            continue
        if (figure := _figure(tell, told.value)) is not None:
            values[tell.name] = figure
        elif not (tell.optional and field_at(told.value, tell.field) is None):
            kind = "word" if tell.word or tell.name in WORDS else "whole number"
            problems.append(f"{tell.name}: no {kind} at {' or '.join(p for p in (tell.field, tell.plus) if p)}")
    unknown = frozenset(request for request, told in answers.items() if told.status == _UNKNOWN)
    return Asked(values, printable("; ".join(problems), limits.message_chars), unknown)


def _named(request: Request, run: str) -> str:
    return redacted_url(of_run(request, run).url)


def _figure(tell: Tell, json: Any) -> int | str | None:
    """The figure as this JSON tells it, or None."""
    value = field_at(json, tell.field)
    if tell.word or tell.name in WORDS:
        if not isinstance(value, str):
            return None
        return int(value == tell.word) if tell.word else printable(value, _WORD_CHARS)
    figure = whole_number(value)
    if figure is None or not tell.plus:
        return figure
    more = whole_number(field_at(json, tell.plus))
    return None if more is None else figure + more


def whole_number(value: Any) -> int | None:
    """A figure as a JSON value tells it: `true` is 1, `3.0` is 3; None for everything that does not count."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= _WHOLE_MAX else None
    return int(value) if isinstance(value, int) and abs(value) <= _INT_MAX else None


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer holds, or in words why it is of no use; its status, 0 when none came."""

    value: Any
    problem: str
    status: int = 0


async def json_of(request: Request, transport: Transport, limits: Limits, budgets: Mapping[str, float]) -> Answered:
    """The JSON value that the answer holds. Raises `UsageError` for a request that cannot be sent."""
    got = await _answer_of(request, transport, limits, budgets)
    if got.problem:
        return got
    if got.status != 200:  # RFC 9110 §15.3.1: the others carry no account
        return replace(got, problem=f"answered {got.status}")
    try:
        text = got.value.decode("utf-8-sig")  # RFC 8259 §8.1: who reads may pass over a byte order mark
    except UnicodeDecodeError:
        return replace(got, problem="answered what is no UTF-8")
    read = json_text.read(text, limits.json_depth)
    return Answered(read.value, f"answered what is no JSON ({read.fault})" if read.fault else "", got.status)


async def carried_out(request: Request, transport: Transport, limits: Limits, budgets: Mapping[str, float]) -> str:
    """Send a request of which only its doing counts; in words why it was not done, empty when it was."""
    got = await _answer_of(request, transport, limits, budgets)
    return "" if 200 <= got.status < 300 else got.problem


async def _answer_of(request: Request, transport: Transport, limits: Limits, budgets: Mapping[str, float]) -> Answered:
    """The octets of a whole answer."""
    try:
        async with asyncio.timeout(budgets["account_ms"] / 1e3):
            exchange = await transport.open(request, limits, budgets["connect_ms"])
            try:
                return await _whole(exchange, limits)
            finally:
                await exchange.close()
    except TimeoutError:
        return Answered(None, f"was not answered whole within {budgets['account_ms']:g} ms")


async def _whole(exchange: Exchange, limits: Limits) -> Answered:
    """The body of an answer, or in words why not. Of a refusal only its status counts."""
    body = bytearray()
    status = 0
    while batch := await exchange.receive():
        for seen in batch:
            match seen:
                case Opened():
                    status = seen.status
                    if problem := _unusable(seen):
                        return Answered(None, problem, status)
                case Body(data):
                    body += data
                    if len(body) > limits.account_bytes:
                        return Answered(None, f"answered more than {limits.account_bytes} octets", status)
                case Ended():
                    return Answered(bytes(body), "", status)
                case Refused() | Closed():
                    return Answered(None, _lost(seen), status)
                case _:  # a deviation: who observes heads and framing judges them elsewhere
                    pass
    return Answered(None, "was not answered")


def _unusable(opened: Opened) -> str:
    if not 200 <= opened.status < 300:
        return f"answered {opened.status}"
    coding = content_coding(opened)
    return f"answered in Content-Encoding {printable(coding, _WORD_CHARS)}" if coding else ""


def _lost(event: Refused | Closed) -> str:
    return f"was not answered ({event.why})" if isinstance(event, Refused) else f"was answered in part ({event.how})"
