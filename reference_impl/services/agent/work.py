"""`Work`: one request, from its prompt to its last chunk, done by workers in turns, as far as its consumer keeps up.

A worker never waits for a consumer: what finds no room is left on offer in the stream, and the worker goes away. It is
never done by two at a time. Never here: whose turn it is, a lock, a thread, or a rule of the stream.
"""

from __future__ import annotations

import contextlib
import enum
import logging
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from streamspec.reference_impl.services.agent import limits
from streamspec.reference_impl.services.agent.generating import NOTHING_YET, Describing, budget, chunks_of
from streamspec.reference_impl.stream import errors, producing
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.table import Phase
from streamspec.reference_impl.stream.thread_offers import offer
from streamspec.reference_impl.stream.thread_parked import run_each

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streamspec.reference_impl.services.agent.idling import Idling
    from streamspec.reference_impl.services.agent.ports import GenerationRequest, Generator, StreamChunk
    from streamspec.reference_impl.stream.threads import Stream

_log = logging.getLogger("streamspec.reference")


class Context(Protocol):
    """The conversation around a request, which is asked by its submitter, and by a worker when it begins; and told by a
    worker when it is over."""

    def prompt(self) -> str:
        """What the model is asked, as things are now. May raise `StreamError`: then nothing is generated."""

    def keep(self, text: str, ending: str) -> None:
        """What was handed over to the consumer's stream, and the finish reason or the code with which it ended."""


class Counted(NamedTuple):
    """A prompt, and how many tokens it has."""

    prompt: str
    tokens: int


class Step(enum.Enum):
    """How a worker's turn at a request came out."""

    AGAIN = enum.auto()  # it can go on at once, and others may go first
    ASIDE = enum.auto()  # it can go on when its consumer has made room, or has left
    OVER = enum.auto()


class Work:
    """`stream` is the consumer's. `wake` is called when a request that was set aside can go on."""

    def __init__(
        self,
        request: GenerationRequest,
        stream: Stream[StreamChunk],
        generator: Generator,
        context: Context | None,
        turn_chunks: int,
        clock: Callable[[], float] | None,
        counted: Counted,
        idling: Idling | None = None,
    ) -> None:
        self.request = request
        self.stream = stream
        self.ending = ""  # a finish reason or a code
        self.tokens = 0
        self.prompt_tokens = counted.tokens
        self._counted: Counted | None = counted
        self._idling = idling
        self._generator = generator
        self._context = context
        self._turn_chunks = turn_chunks
        self._clock = clock
        self._source: Iterator[str] | None = None
        self._chunks: Iterator[StreamChunk] | None = None
        self._interrupt: Callable[[], None] | None = None
        self._offered: StreamChunk | None = None  # what its consumer may have no room for yet
        self._refusal: StreamError | None = None
        self._said: list[str] = []

    def turn(self, wake: Callable[[], None]) -> Step:
        """Go on until the consumer is slow, the turn is over, or the answer is. Raises nothing."""
        try:
            step = self._go_on(wake)
        except BaseException as raised:  # noqa: BLE001 -- a model may raise anything, and its worker has others to serve
            self._fail(raised)
            step = Step.OVER
        if step is Step.OVER:
            self._tidy_up()
        return step

    def _go_on(self, wake: Callable[[], None]) -> Step:
        self._look()
        chunks = self._begin() if self._chunks is None else self._chunks
        stream, answered = self.stream, partial(self._answered, wake)
        for chunk in islice(chunks, self._turn_chunks):
            if chunk is NOTHING_YET:
                self._look()
            elif chunk.is_complete:
                self._complete(chunk)
                return Step.OVER
            else:
                self._offered = chunk  # before it may be answered
                if not offer(stream, chunk, answered):
                    return Step.ASIDE
                self._accepted(chunk)
        return Step.AGAIN

    def _look(self) -> None:
        """Raises where nobody wants more."""
        if not producing.is_open(self.stream):
            raise self._refusal or errors.closed()

    def _begin(self) -> Iterator[StreamChunk]:
        request, generator = self.request, self._generator
        prompt = request.prompt if self._context is None else self._context.prompt()
        counted, self._counted = self._counted, None
        if counted is None or counted.prompt != prompt:  # other turns of its session have come in between
            self.prompt_tokens = generator.count(prompt)
            limits.check_prompt(self.prompt_tokens, generator.context_tokens)
        prompt_tokens = self.prompt_tokens
        most_tokens, reason = budget(request.max_tokens, generator.context_tokens, prompt_tokens)
        describe = None if self._clock is None else Describing(generator, self._clock)
        self._source = source = generator.tokens(prompt)
        self._chunks = chunks_of(source, most_tokens, reason, request.stop, describe)
        self._interrupt = getattr(source, "interrupt", None)
        if self._interrupt is not None:
            self.stream.on_end(self._call_away)
        return self._chunks

    def _answered(self, wake: Callable[[], None], refusal: StreamError | None) -> None:
        """In the consumer's thread, while no worker has this. The stream may end before one has it again."""
        self._refusal = refusal
        if refusal is None:
            assert self._offered is not None, "what is answered was offered"
            self._accepted(self._offered)
        wake()

    def _accepted(self, chunk: StreamChunk) -> None:
        self.tokens += chunk.token_count
        self._said.append(chunk.text)
        if self._idling is not None:
            self._idling.accepted()

    def _complete(self, chunk: StreamChunk) -> None:
        """The model has come to its end, and that is how this ends, whatever its consumer does from now on."""
        self._look()  # a model that was called away has not come to its end
        self._interrupt = None
        self.ending = str(chunk.finish_reason)
        self.tokens += chunk.token_count
        self._keep(self.ending)  # whoever sees the end may look at the conversation
        with contextlib.suppress(StreamError):  # its consumer has left at this very moment
            offer(self.stream, chunk, self._last_accepted)
            self.stream.complete()  # what is on offer can still be received
            if self._idling is not None:
                self._idling.is_whole()

    def _last_accepted(self, refusal: StreamError | None) -> None:
        """In the consumer's thread: its room was made by reading."""
        if refusal is None and self._idling is not None:
            self._idling.accepted()

    def stand_down(self) -> None:
        """Its stream has ended."""
        if self._idling is not None:
            self._idling.stop()

    def _fail(self, raised: BaseException) -> None:
        self._interrupt = None  # it has come back
        if not isinstance(raised, StreamError):
            _log.info("a model failed", exc_info=raised)
        self.ending = ended_with(self.stream, errors.shown(raised).code)
        self._keep(self.ending)
        producing.end_after_handler(self.stream, raised)

    def _keep(self, ending: str) -> None:
        context, self._context = self._context, None
        if context is not None and self._chunks is not None:
            run_each((partial(context.keep, "".join(self._said), ending),))

    def _tidy_up(self) -> None:
        self._interrupt = None
        sources = (self._chunks, self._source)
        self._chunks = self._source = self._offered = None
        for source in sources:
            try:
                close: Any = getattr(source, "close", None)
                if close is not None:
                    close()
            except BaseException:  # noqa: BLE001 -- as above, and its place must be free
                _log.info("a model could not be closed", exc_info=True)

    def _call_away(self) -> None:
        """A model that stands still, and can be told, need not go on for nobody."""
        interrupt = self._interrupt
        if interrupt is not None:
            interrupt()


def ended_with(stream: Stream[Any], code: Code = Code.UNAVAILABLE) -> Code:
    """The code of a stream that has ended badly; `code`, where it is an error's."""
    match stream.state:
        case Phase.CANCELLED:
            return Code.CANCELLED
        case Phase.EXPIRED:
            return Code.TIMED_OUT
        case _:
            return code
