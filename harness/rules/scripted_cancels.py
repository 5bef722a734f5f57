"""CN on scripted servers: that whoever keeps sending learns that its client has left, whether or not that has a name.

Never here: the name (CN-01), a handler that waits for something to send (CN-02), or whether production stops (CN-08).
"""

from __future__ import annotations

from streamspec.harness.core.rule import Level, Rule
from streamspec.harness.rules._scripted_cancels import DEAF, LEARN, senders_learn

CN_22 = Rule(
    id="CN-22",
    level=Level.SHOULD,
    sentence="A handler that keeps sending learns that its client has left, by an error, a flag, or its own end.",
    source="seed 000 'Cancellation'; seed 001 'Context Handling' (ctx.Done)",
    why="A handler that is not told works on for nobody, and takes its work for delivered.",
    needs=("feature:generate", "told:cancel_seen", "told:sent"),
    after=("CN-01",),
    check=senders_learn,
    good=LEARN,
    bad=DEAF,
)
