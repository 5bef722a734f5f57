"""Two models. `Markov` knows one short text and is good enough to stream; `Scripted` says what it was told to say.

Both fit `Generator`, and the same prompt always gives the same answer. Never here: a thread, or a model worth hearing.
"""

from __future__ import annotations

import hashlib
import random
import re
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.services.agent.primer import TEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

TOKENS: Final = re.compile(r"\s*(?:\w+|[^\w\s])|\s+")  # a word or a sign with the space before it; together, the text
SENTENCE_ENDS: Final = frozenset(".!?")
CONTEXT_TOKENS: Final = 4096
MOST_SENTENCES: Final = 4  # of one answer

_Pair = tuple[str, str]


def tokens_of(text: str) -> list[str]:
    """The pieces of a text; joined they are the text."""
    return TOKENS.findall(text)


class Markov:
    """Which token follows two others, learnt from a text. What it says begins where the prompt leads it."""

    def __init__(
        self,
        text: str = TEXT,
        name: str = "primer",
        context_tokens: int = CONTEXT_TOKENS,
        most_sentences: int = MOST_SENTENCES,
    ) -> None:
        self._name = name
        self._context_tokens = context_tokens
        self._most_sentences = most_sentences
        learnt = tokens_of(" " + " ".join(text.split()))
        if len(learnt) < 3:
            raise ValueError("a model learns from three tokens at least")
        self._numbers = {token: number for number, token in enumerate(dict.fromkeys(learnt))}
        following: defaultdict[_Pair, list[str]] = defaultdict(list)
        for pair, after in zip(pairwise(learnt), learnt[2:], strict=False):
            following[pair].append(after)
        self._following = dict(following)
        ends = [place for place, token in enumerate(learnt[:-2]) if token in SENTENCE_ENDS]
        self._beginnings = tuple((learnt[place + 1], learnt[place + 2]) for place in [-1, *ends])

    @property
    def name(self) -> str:
        return self._name

    @property
    def context_tokens(self) -> int:
        return self._context_tokens

    def count(self, text: str) -> int:
        return len(tokens_of(text))

    def token_id(self, token: str) -> int:
        """The number of a token that it has learnt; the first of an answer has lost its space."""
        return self._numbers[token] if token in self._numbers else self._numbers[" " + token]

    def tokens(self, prompt: str) -> Iterator[str]:
        """A few sentences. The prompt is the seed, and its last words are where they begin, if the model knows them."""
        chance = random.Random(hashlib.sha256(prompt.encode(errors="replace")).digest())  # noqa: S311 -- no secret
        sentences = chance.randint(1, self._most_sentences)
        pair = self._beginning(prompt, chance)
        yield pair[0].lstrip()
        yield pair[1]
        while sentences := sentences - (pair[1] in SENTENCE_ENDS):
            after = self._following.get(pair)
            if after is None:  # nothing ever followed: here the text has ended
                pair = chance.choice(self._beginnings)
                yield from pair
            else:
                pair = (pair[1], chance.choice(after))
                yield pair[1]

    def _beginning(self, prompt: str, chance: random.Random) -> _Pair:
        for last, before in pairwise(reversed(tokens_of(prompt))):
            if (before, last) in self._following and last not in SENTENCE_ENDS and before not in SENTENCE_ENDS:
                return before, last
        return chance.choice(self._beginnings)


class Gate:
    """Where a scripted model stands still until it is opened."""

    __slots__ = ("_is_open", "_news", "_reached")

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._is_open = False
        self._reached = 0

    def open(self) -> None:
        with self._news:
            self._is_open = True
            self._news.notify_all()

    def wait_until_reached(self, timeout_s: float, times: int = 1) -> bool:
        """Whether so many have come to it."""
        with self._news:
            return self._news.wait_for(lambda: self._reached >= times, timeout_s)

    def wait(self, is_called_away: Callable[[], bool]) -> None:
        with self._news:
            self._reached += 1
            self._news.notify_all()
            self._news.wait_for(lambda: self._is_open or is_called_away())

    def ring(self) -> None:
        """Whoever waits looks whether it is called away."""
        with self._news:
            self._news.notify_all()


@dataclass(frozen=True, slots=True)
class Scripted:
    """Says `said`, whatever it is asked. `gates` are before the token of that index; before the token `fails_at` it
    raises `failure` instead of going on."""

    said: Sequence[str]
    fails_at: int | None = None
    failure: Exception = field(default_factory=lambda: RuntimeError("the script fails here"))
    gates: Mapping[int, Gate] = field(default_factory=lambda: MappingProxyType({}))
    name: str = "scripted"
    context_tokens: int = CONTEXT_TOKENS

    def count(self, text: str) -> int:
        return len(tokens_of(text))

    def tokens(self, prompt: str) -> Iterator[str]:  # noqa: ARG002 -- the shape of every model
        return Telling(self)


class Telling:
    """One answer of a scripted model. `interrupt` calls it away from a gate, for good."""

    __slots__ = ("_called_away", "_place", "_script", "closed")

    def __init__(self, script: Scripted) -> None:
        self._script = script
        self._place = 0
        self._called_away = False
        self.closed = 0  # how often

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        script, place = self._script, self._place
        self._place += 1
        if (gate := script.gates.get(place)) is not None:
            gate.wait(lambda: self._called_away)
        if place == script.fails_at:
            raise script.failure
        if self._called_away or self.closed or place >= len(script.said):
            raise StopIteration
        return script.said[place]

    def interrupt(self) -> None:
        self._called_away = True
        for gate in self._script.gates.values():
            gate.ring()

    def close(self) -> None:
        self.closed += 1
