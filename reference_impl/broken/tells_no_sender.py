"""A client's leaving that handlers of scripts are not told of.

Never here: a second defect.
"""

from __future__ import annotations

from streamspec.reference_impl.disconnects import deaf, is_stream
from streamspec.reference_impl.routing import SCRIPT
from streamspec.reference_impl.seams import Asgi, Features, Message, Seams
from streamspec.reference_impl.variant import Variant
from streamspec.reference_impl.witness import FIGURES


def _to(scope: Message) -> bool:
    return str(scope["path"]).startswith(SCRIPT) and is_stream(scope)


def _around(app: Asgi) -> Asgi:
    return deaf(app, _to)


def _features(features: Features) -> Features:
    # Without a name for what they learn it may be any sign, and CN-01 is silent.
    return {**features, "witness": [name for name in FIGURES if name != "cancel_code"]}


VARIANT = Variant(
    name="tells-no-sender",
    sentence="No handler of a script learns for minutes that its client has left, and none has a name for it.",
    where="app",
    on=("json_array",),
    kills="CN-22",
    because=("learns that its client has left", "it had not learnt of it"),
    also={
        "CN-04": "what it holds is kept as long",
        "CN-05": "before the first item, too",
    },
    seams=Seams(around=_around, features=_features),
)
