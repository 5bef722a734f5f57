"""Objects: items arrive in order, once, whole, none lost. Each session makes one object.

Only who gets through on any stream that keeps its promises is waited for. Never here: what the outcome means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import OBJECT, Call, Script, Session, Settle

if TYPE_CHECKING:
    from collections.abc import Mapping

_BOTH: Final = Settle(until=("producer", "consumer"))

ORDER = Scenario(
    id="conformance/object-order",
    sentence="send two hundred items while somebody receives them all, then wait for one more",
    script=Script(
        (
            Session(
                "beside",
                OBJECT,
                (
                    Call("send", "producer", n=200, jitter=3),
                    Call("receive", "consumer", n=200, jitter=3),
                    _BOTH,
                    Call("receive", "consumer"),
                    Settle(),
                ),
            ),
        )
    ),
    promises=("OI-01", "OI-02", "OI-03"),
    needs=("object",),
)

ORDER_WHEN_FULL = Scenario(
    id="conformance/object-order-when-full",
    sentence="send twenty items into room for seventeen before somebody receives, and five to somebody who waits",
    script=Script(
        (
            Session(
                "full",
                OBJECT,
                (Call("send", "producer", n=20), Settle(), Call("receive", "consumer", n=20), _BOTH),
                options={"capacity": 17},
            ),
            Session(
                "waited-for",
                OBJECT,
                (
                    Call("receive", "consumer", n=6),
                    Settle(),
                    Call("send", "producer", n=5),
                    Settle(until=("producer",)),
                ),
                options={"capacity": 2},
            ),
        )
    ),
    promises=("OI-01", "OI-02", "OI-03"),
    needs=("object", "feature:capacity"),
)

ORDER_TO_THE_END = Scenario(
    id="conformance/object-order-to-the-end",
    sentence="send as many items as fit, then twenty through room for one, and complete",
    script=Script(
        (
            Session(
                "fits",
                OBJECT,
                (
                    *(Call("send", "producer", n=20), Call("complete", "producer"), Settle(until=("producer",))),
                    *(Call("receive", "consumer", n=0), Settle(until=("consumer",))),
                ),
                options={"capacity": 20},
            ),
            Session(
                "through",
                OBJECT,
                (
                    *(Call("send", "producer", n=20, jitter=2), Call("complete", "producer")),
                    *(Call("receive", "consumer", n=0, jitter=2), _BOTH),
                ),
                options={"capacity": 1},
            ),
        )
    ),
    promises=("OI-01", "OI-02", "OI-03"),
    needs=("object", "feature:capacity", "feature:complete"),
)


def _senders(name: str, options: Mapping[str, int | str]) -> Session:
    three = ("left", "middle", "right")
    return Session(
        name,
        OBJECT,
        (
            *(Call("send", by, n=30, jitter=3) for by in three),
            Call("receive", "consumer", n=90, jitter=3),
            Settle(until=(*three, "consumer")),
            Call("receive", "consumer"),
            Settle(),
        ),
        options=options,
        times=2,
    )


SENDERS = Scenario(
    id="conformance/object-senders",
    sentence="three senders at once send thirty items each while somebody receives them all",
    script=Script((_senders("three", {}),)),
    promises=("OI-01", "OI-02", "OI-03"),
    needs=("object", "feature:concurrent-senders"),
)

# Only where a send has to wait is it known that others were sending meanwhile.
SENDERS_WHEN_FULL = Scenario(
    id="conformance/object-senders-when-full",
    sentence="the same through room for two",
    script=Script((_senders("three", {"capacity": 2}),)),
    promises=("OI-01", "OI-02", "OI-03", "OI-15"),
    needs=("object", "feature:concurrent-senders", "feature:capacity"),
)
