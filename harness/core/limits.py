"""Limits on every accumulator and budgets for every wait, each with a name and a unit.

The harness reads from servers it does not trust: nothing here may be unbounded. Budgets named in `SCALED` grow with
the calibration of this machine; the rest are generous already.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one session may accumulate."""

    head_bytes: int = 65_536
    head_fields: int = 512
    interim_heads: int = 64
    chunk_line_bytes: int = 4_096
    trailer_bytes: int = 16_384
    line_bytes: int = 2_097_152  # twice what is a common largest item
    event_bytes: int = 4_194_304
    prefix_chars: int = 200
    message_chars: int = 2_000
    receive_bytes: int = 65_536
    records_of_a_kind: int = 20_000  # per session and event type (deviations: and code); the rest is Elided
    json_depth: int = 64
    narrow_bytes: int = 65_536  # SO_RCVBUF of a reader that is about to stand still
    inflated_bytes: int = 67_108_864  # of one coded body
    account_bytes: int = 1_048_576  # of one answer to a question what the target tells
    output_bytes: int = 65_536  # of a spawned target's output, its last ones
    message_bytes: int = 4_194_304  # of one message of a carrier, inflated
    message_frames: int = 65_536  # that one message may come in
    inbox_bytes: int = 16_777_216  # of messages that wait for a stream which shares its connection and does not read
    streams: int = 1_024  # of one connection
    window_bytes: int = 65_535  # of one HTTP/2 stream that is not read (RFC 9113 §6.9.2)


LIMITS: Final = Limits()

# Base budgets in milliseconds. Each is total (never per read).
BUDGETS_MS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "connect_ms": 5_000,  # TCP connect and TLS handshake
        "head_ms": 10_000,  # from request to the whole head; a model may think this long
        "look_ms": 2_000,  # a look reads at most this long (design 5)
        "lasting_ms": 200,  # a stream that goes on for so long is no fleeting one
        "item_ms": 5_000,  # the next item of a role that is declared to send
        "patience_ms": 15_000,  # of a role that sends nothing, all its streams together; and of an empty one
        "once_more_ms": 5_000,  # an empty stream that stayed open for as long as that, when it is opened once more
        "again_ms": 20_000,  # cases that could not tell, tried again, all together
        "prompt_ms": 5_000,  # the second item of a prompt role, beyond its declared gap
        "finite_ms": 30_000,  # a finite role, from the request to its end
        "failing_ms": 5_000,  # a failing role, from its last item to a sign of failure
        "recover_ms": 5_000,  # served again after a disturbance (LC-16)
        "slots_ms": 15_000,  # the same for a server that says that it is full
        "linger_ms": 50,  # what follows the end of a message
        "terminal_ms": 1_000,  # from an in-band terminal to the end of its message
        "sibling_ms": 60,  # right after its neighbour left, an end of a sibling is its doing (CN-21)
        "aftermath_ms": 100,  # and later it is not known whose
        "await_ms": 60_000,  # one of our sessions waiting for another
        "say_ms": 10_000,  # our own items, from the first to the last
        "account_ms": 2_000,  # one answer to a question what the target tells
        "every_ms": 100,  # from one account to the next
        "seldom_ms": 1_000,  # the same where each of our questions may leave a connection behind that is counted
        "steady_ms": 500,  # a figure that was the same for so long stands still
        "stall_ms": 20_000,  # a reader that stands still: it is over as soon as nobody produces for it any more
        "large_ms": 30_000,  # a backlog, read after a stall
        "learn_ms": 5_000,  # from our leaving until whoever produces has learnt of it
        "return_ms": 30_000,  # from the end of the last of many streams until their resources are back
        "silent_ms": 2_000,  # an idle stream, watched; grows with the heartbeat that it declares
        "heartbeat_ms": 2_000,  # what a declared interval may be exceeded by
        "ready_ms": 20_000,  # a spawned target, from its start until it listens
        "end_ms": 5_000,  # and from our signal until it is gone
        "grace_ms": 2_000,  # from our signal until open streams are over, beyond the grace that is declared
        "poll_ms": 100,  # virtual time: lets so much pass before it calls an open call parked: some poll
        "settle_ms": 30,  # threads: quiet for so long
        "notice_ms": 250,  # for a stream to notice a cancel (Reactive Streams §3.12 lets it take its time)
        "moves_ms": 5_000,  # threads: a call that is due to return does so within this
        "case_ms": 60_000,  # in process: one case, in real time; an object that never gives back control ends there
    }
)
SCALED: Final = frozenset({"recover_ms", "linger_ms", "item_ms", "settle_ms", "grace_ms"})


def budgets(factor: float) -> dict[str, float]:
    """The budgets of one run: `factor` >= 1 comes from calibration (design 6: one-sided timing)."""
    grown = max(1.0, factor)
    return {name: base * grown if name in SCALED else base for name, base in BUDGETS_MS.items()}
