"""What the engines say, put together: who has said what, and whether all of it came.

Pure: objects in, JSON out. Never here: gevent, Locust, a pipe (`locustfile`), or a judgement of figures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from streamspec.harness.load.tally import Tally, tally_from_json

RESULT_VERSION: Final = 1
EVIDENCE_MAX: Final = 80  # histories that are kept, over all engines
EVIDENCE_EACH: Final = 2  # and of one rule, or one kind of failure
EVIDENCE_BYTES_MAX: Final = 4_194_304  # of each of them
WORKERS_MAX: Final = 1_000


@dataclass(slots=True)
class Worker:
    """One engine, as far as it has spoken. `busiest` is its largest CPU share between two batches."""

    tally: Tally = field(default_factory=Tally)
    seq: int = 0
    tick: int = 0
    busiest: float = 0.0
    final: bool = False
    problem: str = ""


@dataclass(slots=True)
class Controller:
    """All engines of a load. `expected` is how many there are to be; an engine without its final word makes the figures
    incomplete, whatever they say."""

    expected: int
    workers: dict[str, Worker] = field(default_factory=dict)
    evidence: list[dict[str, str]] = field(default_factory=list)
    stopped: bool = False

    def take(self, name: str, said: dict[str, Any]) -> Tally | None:
        """One frame of an engine; what it adds, if it adds anything. What cannot be read is that engine's problem."""
        if name not in self.workers and len(self.workers) >= WORKERS_MAX:
            return None
        worker = self.workers.setdefault(name, Worker())
        try:
            return self._take(worker, said)
        except (ValueError, KeyError, TypeError) as error:
            self.lost(name, f"it said what cannot be read: {error}")
            return None

    def _take(self, worker: Worker, said: dict[str, Any]) -> Tally | None:
        if said["op"] == "fatal":
            worker.problem = worker.problem or str(said["message"])[:2_000]
            return None
        if worker.final:
            raise ValueError("more after its final word")
        if said["op"] == "evidence":
            self._keep(str(said["why"]), str(said["lines"]))
            return None
        if said["seq"] != worker.seq + 1:
            raise ValueError(f"batch {said['seq']} where {worker.seq + 1} was due")
        added = tally_from_json(said["tally"])
        worker.seq += 1
        worker.tick = int(said["tick"])
        worker.tally.merge(added)
        wall_us = added.counts["wall_us"]
        if wall_us >= 200_000:  # of a shorter time a share says little
            worker.busiest = max(worker.busiest, added.counts["cpu_us"] / wall_us)
        if said["op"] == "final":
            worker.final = True
            worker.problem = worker.problem or str(said["problem"]) or _uneven(worker.tally)
        return added

    def _keep(self, why: str, lines: str) -> None:
        alike = sum(kept["why"] == why for kept in self.evidence)
        if alike < EVIDENCE_EACH and len(self.evidence) < EVIDENCE_MAX and len(lines) <= EVIDENCE_BYTES_MAX:
            self.evidence.append({"why": why, "lines": lines})

    def lost(self, name: str, why: str) -> None:
        """An engine that is not heard of any more."""
        worker = self.workers.setdefault(name, Worker())
        worker.problem = worker.problem or why

    @property
    def over(self) -> bool:
        """Whether nothing more is to be waited for."""
        done = sum(worker.final or bool(worker.problem) for worker in self.workers.values())
        return done >= self.expected

    def to_json(self) -> dict[str, Any]:
        return {
            "version": RESULT_VERSION,
            "expected": self.expected,
            "stopped": self.stopped,
            "workers": {
                name: {
                    "tally": worker.tally.to_json(),
                    "busiest": worker.busiest,
                    "final": worker.final,
                    "problem": worker.problem,
                }
                for name, worker in self.workers.items()
            },
            "evidence": self.evidence,
        }


def controller_from_json(data: Any) -> Controller:
    """The inverse of `to_json`. Raises `ValueError` for anything else."""
    try:
        if data["version"] != RESULT_VERSION:
            raise ValueError(f"a result of version {data['version']!r}")
        made = Controller(int(data["expected"]), stopped=bool(data["stopped"]))
        for name, said in data["workers"].items():
            made.workers[name] = Worker(
                tally_from_json(said["tally"]),
                busiest=float(said["busiest"]),
                final=said["final"] is True,
                problem=str(said["problem"]),
            )
        made.evidence = [{"why": str(kept["why"]), "lines": str(kept["lines"])} for kept in data["evidence"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no result: {type(error).__name__} {error}") from error
    return made


def _uneven(tally: Tally) -> str:
    """Every stream is accounted for, once; else something of ours got lost."""
    counts = tally.counts
    due, begun = counts["started"] + counts["missed"], counts["good"] + counts["failed"] + counts["stopped"]
    if (counts["due"], counts["started"]) == (due, begun):
        return ""
    return f"its counts do not add up: {dict(counts)}"
