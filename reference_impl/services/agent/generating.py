"""From a model's tokens to the chunks of one answer: limits, stop texts, and what each token counts for.

An answer is one or more chunks with text, then exactly one that completes it. Every token that the model gave is
counted once: by the chunk in which its first visible character is, and by the last chunk if it has none. For one that
shows nothing yet `NOTHING_YET` comes, which is no chunk: so whoever iterates has a say at each token.

Never here: a thread, a stream, a queue. Whoever iterates decides when the next token is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from streamspec.reference_impl.services.agent.ports import NOTHING_MORE, StreamChunk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from streamspec.reference_impl.services.agent.ports import FinishReason, Generator

    Describe = Callable[[Sequence[str]], Mapping[str, object]]  # what a chunk of these tokens tells beside its text

NOTHING_YET: Final = StreamChunk("", token_count=0)  # known by its identity


def budget(max_tokens: int, context_tokens: int, prompt_tokens: int) -> tuple[int, FinishReason]:
    """How many tokens an answer may have, and why no more. One place of the context stays free."""
    room = max(0, context_tokens - 1 - prompt_tokens)
    return (max_tokens, "MaxTokens") if max_tokens <= room else (room, "ContextWindowFull")


def chunks_of(
    tokens: Iterator[str], most_tokens: int, reason: FinishReason, stop: Sequence[str], describe: Describe | None = None
) -> Iterator[StreamChunk]:
    """The answer, chunk by chunk, and `NOTHING_YET`; with `most_tokens` it is over for `reason`."""
    if not stop and describe is None:
        return _plain(tokens, most_tokens, reason)
    return _watchful(tokens, most_tokens, reason, Stops(stop), describe or _nothing)


def _plain(tokens: Iterator[str], most_tokens: int, reason: FinishReason) -> Iterator[StreamChunk]:
    finish: FinishReason = reason
    hidden = 0  # tokens without any text
    for _ in range(most_tokens):
        token = next(tokens, None)
        if token is None:
            finish = "EndOfSequence"
            break
        if token:
            text = token if token.isascii() else legible(token)
            yield StreamChunk(text, token_count=hidden + 1, metadata=NOTHING_MORE)
            hidden = 0
        else:
            hidden += 1
            yield NOTHING_YET
    yield StreamChunk("", is_complete=True, token_count=hidden, finish_reason=finish)


def _watchful(
    tokens: Iterator[str], most_tokens: int, reason: FinishReason, stops: Stops, describe: Describe
) -> Iterator[StreamChunk]:
    finish: FinishReason = reason
    waiting: list[tuple[str, int]] = []  # tokens not yet counted, each with where its text begins
    seen = 0  # characters of the answer, those that are held back included
    for _ in range(most_tokens):
        token = next(tokens, None)
        if token is None:
            finish = "EndOfSequence"
            break
        waiting.append((token, seen))
        token = legible(token)
        seen += len(token)
        text = stops.feed(token)
        if text:
            shown = [each for each, begins in waiting if begins < stops.let_out]
            del waiting[: len(shown)]
            yield StreamChunk(text, token_count=len(shown), metadata=describe(shown))
        if stops.found:
            finish = "StopToken"
            break
        if not text:
            yield NOTHING_YET
    if text := stops.rest():
        shown = [each for each, begins in waiting if begins < stops.let_out]
        del waiting[: len(shown)]
        yield StreamChunk(text, token_count=len(shown), metadata=describe(shown))
    left = [each for each, _ in waiting]
    yield StreamChunk("", is_complete=True, token_count=len(left), finish_reason=finish, metadata=describe(left))


def legible(token: str) -> str:
    """Text that any encoding can carry: half a character, which some models give, becomes a question mark."""
    return token if token.isascii() else token.encode(errors="replace").decode()


def _nothing(_shown: Sequence[str]) -> Mapping[str, object]:
    return NOTHING_MORE


class Stops:
    """Lets text out until one of the stop texts, none of which is empty, has come, and holds back what could be the
    beginning of one.

    The one that is completed first ends the answer, and of several that end with the same character the longest: so
    the same text comes out however it is cut into tokens. At most one stop text less a character is held back.
    """

    __slots__ = ("_begin", "_held", "_most_held", "_stop", "found", "let_out")

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = tuple(sorted(stop, key=len, reverse=True))
        self._begin = frozenset(text[:1] for text in stop)
        self._most_held = max(map(len, stop), default=1) - 1
        self._held = ""
        self.found = False
        self.let_out = 0  # characters so far

    def feed(self, text: str) -> str:
        """What may be seen now."""
        if self._held or not self._begin.isdisjoint(text):
            return self.look(text)
        self.let_out += len(text)  # as nearly always
        return text

    def look(self, text: str) -> str:
        """The same, of a text in which one of the stop texts may begin, or go on."""
        known = len(self._held)
        self._held += text
        if (cut := self._first_found(known)) is not None:
            self.found = True
            seen, self._held = self._held[:cut], ""
        else:
            keep = self._may_begin()
            seen = self._held[: len(self._held) - keep]
            self._held = self._held[len(seen) :]
        self.let_out += len(seen)
        return seen

    def rest(self) -> str:
        """What was held back for nothing, at the end of the answer."""
        seen, self._held = self._held, ""
        self.let_out += len(seen)
        return seen

    def _first_found(self, known: int) -> int | None:
        """Where the stop text begins that ends first. None of them ends within what was known already."""
        first: tuple[int, int] | None = None  # where it ends, where it begins
        for stop in self._stop:
            begins = self._held.find(stop, max(0, known - len(stop) + 1))
            if begins >= 0 and (first is None or begins + len(stop) < first[0]):
                first = (begins + len(stop), begins)
        return None if first is None else first[1]

    def _may_begin(self) -> int:
        """The length of the longest end of what is held with which a stop text begins."""
        for length in range(min(self._most_held, len(self._held)), 0, -1):
            end = self._held[-length:]
            if any(len(stop) > length and stop.startswith(end) for stop in self._stop):
                return length
        return 0


class Describing:
    """What chunks tell beside their text: when they were made, and their tokens' numbers if the model numbers them."""

    __slots__ = ("_began_s", "_clock", "_number")

    def __init__(self, generator: Generator, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began_s = clock()
        number: Any = getattr(generator, "token_id", None)
        self._number: Callable[[str], int] | None = number if callable(number) else None

    def __call__(self, shown: Sequence[str]) -> Mapping[str, object]:
        elapsed_ms = round((self._clock() - self._began_s) * 1000, 3)
        if self._number is None:
            return {"elapsed_ms": elapsed_ms}
        return {"elapsed_ms": elapsed_ms, "token_ids": [self._number(token) for token in shown]}
