"""NDJSON under the name of JSON.

Never here: a second defect.
"""

from __future__ import annotations

from dataclasses import replace

from streamspec.reference_impl.binding import headers
from streamspec.reference_impl.bindings import ndjson
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

VARIANT = Variant(
    name="calls-lines-a-document",
    sentence="NDJSON is labelled application/json.",
    where="app",
    on=("ndjson",),
    kills="ND-04",
    because=("application/json",),
    seams=Seams(bindings=(replace(ndjson.BINDING, headers=headers("application/json")),)),
)
