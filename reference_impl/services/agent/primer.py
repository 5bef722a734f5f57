"""The text that the small model has learnt by heart: data, and nothing else.

Never here: a sentence of anybody else's. Some of it is not ASCII on purpose: what streams must carry that whole.
"""

from __future__ import annotations

from typing import Final

TEXT: Final = """\
A stream is a promise that the next item comes, or that somebody says why it does not.
A stream is a river with a gate: the gate opens when the reader is ready, and not before.
The producer makes one item, and then it waits until there is room for another.
The consumer takes one item, and then the producer may go on.
A slow reader may slow the writer, but it may never lose a word.
A full buffer is no failure; it is a producer that waits for its turn.
An empty buffer is no ending; it is a consumer that waits for news.
Every stream has one ending, and nothing comes after the ending.
When the reader leaves, the writer must hear of it, and then it must tidy up.
When the writer fails, the reader must hear why, and then it must not wait any longer.
A river that stops without a word has not ended; it has been cut.
In the café by the river a naïve writer said that nobody would ever be slow.
In Zürich a patient reader said that everybody is slow on a Monday.
The river is 流れ, and the stream of words is 言葉の流れ, said the reader.
The answer came token by token, and every token was a small piece of the answer.
The writer counted the tokens, and the reader counted them again, and the sums were the same 🌊.
A token may be a word, a part of a word, or a single sign like 🌍 or ß.
The queue was short, so the request began at once.
The queue was long, so the request waited for its turn, and in the end its turn came.
The queue was full, so the request was refused with a word, and it came back later.
A request that waits too long is told so; it is never forgotten.
A worker that waits for one reader does nothing for another, so a good worker puts the slow reader aside.
A good worker never waits for a slow reader; it goes on with the next request and comes back.
Nobody looks at the clock again and again; somebody rings a bell when there is news.
Patience is a bound with a unit, and a good bound has a name.
The session remembers what was said, even if the answer was cut in the middle.
The next question begins when the last answer is over, and not before.
If you ask the same question twice, the river gives the same answer twice.
To cancel is no failure: it is the reader who has heard enough.
Thank you, said the writer, and closed the gate.
"""
