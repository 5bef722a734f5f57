"""`Dialect`: the answers to questions on which the systems that streams were learnt from disagree, and their presets.

A switch is read by the table and by the fast shells' rare paths. Never here: what follows from it, or a switch
that no real system has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Dialect:
    """One field a question, D1 to D7 of docs/stream.md; each default is the late OpenSearch's answer."""

    complete_twice: Literal["refuse", "ignore"] = "refuse"  # D1
    send_after_end: Literal["UNAVAILABLE", "INTERNAL"] = "UNAVAILABLE"  # D2, the refusal's code
    send_after_cancel: Literal["CANCELLED", "UNAVAILABLE"] = "CANCELLED"  # D3, also after a deadline
    end_after_cancel: Literal["ignore", "refuse"] = "ignore"  # D3c, complete and error alike
    error_after_complete: Literal["refuse", "ignore", "override"] = "refuse"  # D4
    cancel_twice: Literal[False] | None = None  # D5, what a cancel that ends nothing answers
    buffered_after_error: Literal["deliver", "discard"] = "deliver"  # D6
    receive_after_end: Literal["end", "refuse"] = "end"  # D7


DEFAULT = Dialect()

# OpenSearch's FlightTransportChannel since d769f65: whatever follows an ending is a StreamException(UNAVAILABLE).
OPENSEARCH_LATE = DEFAULT

# The same class in v3.2. A second completeStream loses a compare-and-set and says nothing; an error after it is
# attempted, but the wire has been completed. Its refusal of a batch is a RuntimeException without any code.
OPENSEARCH_EARLY = Dialect(complete_twice="ignore", error_after_complete="ignore")

# FlightServerChannel, the single writer inside: both endings are no-ops once it is closed, cancelled or ended.
FLIGHT_CHANNEL = Dialect(complete_twice="ignore", error_after_complete="ignore")

# RaffelStream 0.2.3, as executed: end() twice is a no-op, write() after cancel() names the state and not the cancel,
# error() wins over an end() that is still closing, and what was buffered before an error cannot be read.
RAFFEL = Dialect(
    complete_twice="ignore",
    send_after_cancel="UNAVAILABLE",
    error_after_complete="override",
    buffered_after_error="discard",
)

# RaffelStream as its document has it: no ending and no cancel complains, `errored` may follow on `closing`, and nothing
# is said of losing items or of hiding a cancel.
RAFFEL_DOCS = Dialect(complete_twice="ignore", error_after_complete="override")

# grpc.aio's server: everything after the end is a UsageError, and cancel() answers whether it did anything.
GRPC_AIO = Dialect(cancel_twice=False)
