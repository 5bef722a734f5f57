"""What every session of a case shares: the stage on which a script is played, as data and functions that are handed in.

Never here: an act (`session`), or a target that is in this process (`stages`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from streamspec.harness.core.asking import run_ids
from streamspec.harness.engine.silence import Silence
from streamspec.harness.engine.way import Way, no_way

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from streamspec.harness.core.asking import Headers
    from streamspec.harness.core.event import Opened
    from streamspec.harness.core.limits import Limits
    from streamspec.harness.core.ports import Decoder, Exchange, Figures, Request, Talker, Transport
    from streamspec.harness.core.script import Session
    from streamspec.harness.engine.recorder import Recorder

    # One account, given the id of the run that is asked about, and the figures that are wanted: none named means all.
    Take = Callable[[str, frozenset[str]], Awaitable[Sequence[Figures]]]


async def no_accounts(run: str, wanted: frozenset[str]) -> Sequence[Figures]:  # noqa: ARG001 -- an accountant's shape
    return ()


async def no_gates(run: str, name: str) -> str:  # noqa: ARG001 -- the shape of a gatekeeper
    return "this target has no gates"


@dataclass(frozen=True, slots=True)
class Stage:
    """What every session of a case shares. `requests` are by role; `decoder(opened, role)` chooses who reads a body,
    None for one that nobody can read. `account` takes every account that the target allows, `measured` only what can be
    had without asking it; `item_bytes` are those of its large role. `ids` are the last ids that sessions have read, for
    those that resume behind them; `figures` those of their last accounts. `stop` asks the target to end, where we
    started it. `new_runs` are ids for streams, each new, and `runs` those that sessions have asked with; `account` is
    given one of them, empty before a session has asked. `open_gate(run, name)` says in words why a gate was not opened.
    `silence` is that of the run's roles. `way` puts toxics between us and the target, `other` is the header with the
    credentials of another of its clients. `exchanges` are those of the sessions that have asked, for others that share
    their connection. `shared` makes a stream in envelopes, under this id, of a connection; `talker` says how we speak
    on it, `opening` what of the text of a request is sent."""

    transport: Transport
    decoder: Callable[[Opened, str], Decoder | None]
    requests: Mapping[str, Request]
    budgets: Mapping[str, float]
    limits: Limits
    recorder: Recorder
    account: Take = no_accounts
    measured: Take = no_accounts
    item_bytes: int = 1
    ids: dict[str, str] = field(default_factory=dict)
    figures: dict[str, dict[str, int | str]] = field(default_factory=dict)
    stop: Callable[[], Awaitable[None]] | None = None
    new_runs: Iterator[str] = field(default_factory=lambda: run_ids("r"))
    runs: dict[str, str] = field(default_factory=dict)
    open_gate: Callable[[str, str], Awaitable[str]] = no_gates
    silence: Silence = field(default_factory=Silence)
    way: Way = no_way
    other: Headers = field(default=(), repr=False)
    exchanges: dict[str, Exchange] = field(default_factory=dict)
    shared: Callable[[Exchange, str], Exchange] | None = None
    talker: Callable[[str], Talker] | None = None
    opening: Callable[[bytes], bytes] | None = None

    def asks(self, session: Session) -> bool:
        """Whether this session is worth its while: its role may have been silent for too long."""
        return not self.silence.lasts(session.role, self.budgets["patience_ms"])
