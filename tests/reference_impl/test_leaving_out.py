"""Items that are left out for a slow client: which, and how the next one says so."""

from __future__ import annotations

import asyncio

from streamspec.reference_impl.frame import Item, Produced
from streamspec.reference_impl.leaving_out import HELD, LeavesOut
from streamspec.reference_impl.stream.aio import Stream


def _item(n: int, text: str = "") -> Item:
    return Item(n, text or f'{{"n":{n}}}', json=True)


def test_items_are_left_out_while_nobody_takes_any_and_the_next_one_says_how_many() -> None:
    async def main() -> list[str]:
        stream: Stream[Produced] = Stream(2 * HELD)
        leaves_out = LeavesOut(stream, "dropped")
        for n in range(1, HELD + 4):
            if (kept := await leaves_out(_item(n))) is not None:
                await stream.send(kept)
        await stream.receive()
        last = await leaves_out(_item(99))
        assert isinstance(last, Item)
        more = await leaves_out(_item(100))
        assert isinstance(more, Item)
        return [last.text, more.text]

    assert asyncio.run(main()) == ['{"dropped":3,"n":99}', '{"n":100}']


def test_what_cannot_say_so_is_not_left_out() -> None:
    async def main() -> bool:
        stream: Stream[Produced] = Stream(2 * HELD)
        leaves_out = LeavesOut(stream, "dropped")
        for n in range(HELD):
            await stream.send(_item(n))
        return all([await leaves_out(_item(1, text)) is not None for text in ("[1]", "{}", "7")])

    assert asyncio.run(main())


def test_a_stream_that_is_over_says_so_itself() -> None:
    async def main() -> bool:
        stream: Stream[Produced] = Stream(2 * HELD)
        for n in range(HELD):
            await stream.send(_item(n))
        stream.cancel()
        return await LeavesOut(stream, "dropped")(_item(9)) is not None

    assert asyncio.run(main())
