"""Streams of which exactly one item is due, and no message says how they ended.

Never here: a binding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import payload, session
from streamspec.reference_impl.frame import Completed, Failed, Frame, Item, RecordFailed
from streamspec.reference_impl.stream.errors import Code, StreamError
from streamspec.reference_impl.stream.table import Phase

if TYPE_CHECKING:
    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.frame import Produced
    from streamspec.reference_impl.mount import Mount
    from streamspec.reference_impl.outlet import ItemStream

NO_ANSWER: Final = "one answer is due, and there was none"
TWO_ANSWERS: Final = "one answer is due, and there were two"


class OneAnswer:
    """Holds the item until the stream has completed, as handlers do that return theirs. None at all, or a second one,
    is a failure of the handler's: the stream ends with it. `end` is how it ended, None while it has not."""

    def __init__(self, stream: ItemStream) -> None:
        self._stream = stream
        self._too_many = False
        self.item: Produced | None = None
        self.end: Completed | Failed | None = None

    async def show(self, frame: Frame) -> None:
        match frame:
            case Item() | RecordFailed() if self.item is None:
                self.item = frame
            case Item() | RecordFailed():
                self._too_many = True
                if self._stream.state is Phase.OPEN:
                    self._stream.error(StreamError(Code.INTERNAL, TWO_ANSWERS))
            case Completed() | Failed() if self.end is None:  # the first end counts
                self.end = self._judged(frame)
            case _:
                pass

    def _judged(self, end: Completed | Failed) -> Completed | Failed:
        if self._too_many:
            return Failed(Code.INTERNAL, TWO_ANSWERS)
        if isinstance(end, Completed) and self.item is None:
            return Failed(Code.INTERNAL, NO_ANSWER)
        return end


async def answered(mount: Mount, text: str, headers: Headers) -> str:
    """The JSON of the one item that a script answers with which is asked for in a message. Being cancelled cancels the
    stream. Raises `StreamError`."""
    asked = mount.opened("server", text, headers)  # the client has said all that it has to say
    if isinstance(asked, StreamError):
        mount.seams.on_refusal()
        raise asked
    async with session.producing(asked, mount) as stream:
        answer = OneAnswer(stream)
        await session.show_all(stream, asked, mount.seams, answer.show)
    if isinstance(answer.end, Failed):
        raise StreamError(answer.end.code, answer.end.message)
    if answer.item is None:
        raise StreamError(Code.CANCELLED, "the stream was cancelled")
    return payload.of(answer.item)
