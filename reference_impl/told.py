"""`Told`: what the reference tells of its producers, as totals since the process began, one for each mount.

Never here: a judgement of the figures, or anything that costs a stream more than an addition.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class Told:
    """`offered`: items asked for, where a role knows how many. `produced`: items that were handed to `send`, each as it
    is handed over. `sending`: streams inside a send now. `open`: producers at work. `ended`: streams that are over.
    `cancelled`: producers that learnt that their client had left. `cleanups`: cleanups that ran."""

    offered: int = 0
    produced: int = 0
    sending: int = 0
    open: int = 0
    ended: int = 0
    cancelled: int = 0
    cleanups: int = 0

    def cleaned_up(self) -> None:
        self.cleanups += 1

    def figures(self) -> dict[str, int]:
        return asdict(self)
