"""A scripted target as one whose roles are scripts: requests, roles and figures, derived from what its adapter can do.

A user who declares a role himself is believed instead. Pure; never here: traffic, or what an adapter can do
(`contract`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from streamspec.harness.core.asking import COUNT, RUN, SCRIPT_TEXT, quoted_script
from streamspec.harness.core.case import Declared, Role, Tell
from streamspec.harness.core.contract import BOTH_WAYS, ENVELOPED
from streamspec.harness.core.envelope import Envelope, filled
from streamspec.harness.core.ports import Request
from streamspec.harness.core.redaction import redacted_url
from streamspec.harness.core.script import SCRIPT
from streamspec.harness.core.steps import Complete, Fail, Gate, Generate, Send, Step, Wait, names_of, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streamspec.harness.core.contract import Features
Headers = tuple[tuple[str, str], ...]
_ABSENT: Final = frozenset({"offered", "cancel_code", "send_code", "remaining_ms", "buffered"})  # figures that may be
SHUT: Final = "shut"  # a gate that nobody opens
_SEQ: Final = "$.n"
_ITEMS: Final = 25
_ITEM_BYTES: Final = 16_000  # or as much as an item may have
_HEARTBEAT: Final = "heartbeat_ms"
_HEARTBEAT_MS: Final = 500
_GAP_MS: Final = 150
_EVERY_MS: Final = 5
_LOOK: Final = Generate(n=30, every_ms=4)
_ANY: Final = 987_654_321  # stands for the number of items until the script is quoted, braces and all
# What a line-based wire or a careless writer of JSON gets wrong.
TEXTS: Final = (
    "plain",
    "a carriage return:\rhere",
    "a line feed:\nhere",
    "both:\r\nhere",
    "a line end at the end\n",
    "an empty line:\n\nhere",
    " a blank ahead",
    "data: a field of an event",
    'quotes " and \\ backslashes',
    "separators:\u2028\u2029\u0085here",
    "a byte order mark:\ufeffhere",
    "nothing:\0here",
    "beyond the basic plane: \U0001d11e",
)


@dataclass(frozen=True, slots=True)
class Scripted:
    """An adapter at its base URL, which ends without a slash, and what it can do. `headers` are sent with all that is
    asked of it but streams: these are asked for with `stream_headers`, over `binding`, in this `envelope` where the
    binding has one."""

    base: str
    features: Features
    binding: str
    headers: Headers = ()
    stream_headers: Headers = ()
    envelope: Envelope | None = None

    @property
    def seq(self) -> str:
        """The field that counts in the items that a script generates."""
        return _SEQ

    @property
    def request(self) -> Request:
        """That of a stream which plays a session's own script."""
        return self._stream(SCRIPT_TEXT)

    @property
    def directions(self) -> tuple[str, ...]:
        """Those that this binding carries."""
        return self.features.directions if self.binding in BOTH_WAYS else ("server",)

    def needs(self) -> frozenset[str]:
        """Every need of a rule or a scenario that this adapter meets over this binding."""
        directions = {f"direction:{name}" for name in self.directions}
        without = set() if self._beats else {f"feature:{_HEARTBEAT}"}
        if self.binding not in ENVELOPED:  # elsewhere nothing in a stream's opening could say so
            without |= {f"feature:{name}" for name in ("credit", "priority", "starvation_bound", "fair")}
        if self.binding != "tcp":
            without.add("feature:fin_half_closes")
        return self.features.needs() - without | directions

    @property
    def _beats(self) -> bool:
        """Of gRPC pings are the connection's, and no handler has a word for a sign of life."""
        return _HEARTBEAT in self.features.options and self.binding != "grpc"

    def requests(self) -> dict[str, Request]:
        """Those of streams which play a session's own script, by direction: `script` from the server to us, and
        `script/DIRECTION`."""
        others = {f"{SCRIPT}/{name}": self._stream(SCRIPT_TEXT, name) for name in self.directions if name != "server"}
        return {SCRIPT: self.request, **others}

    @property
    def look(self) -> Request:
        """What the probe asks for when the user names no stream of his own."""
        return self._stream(self._quoted(text_of(self._ended(_LOOK), {})))

    def facts(self) -> dict[str, str | int | bool]:
        """What a history must say of it. Its base URL is the place of its gates."""
        return {SCRIPT: redacted_url(self.base), **self.features.facts()}

    def gate(self, run: str, name: str) -> Request:
        return gate_request(self.base, self.headers, run, name)

    def roles(self) -> Mapping[str, Role]:
        """Each role that this adapter can play."""
        found = {name: self._role(name, *script) for name, script in self._scripts().items()}
        return MappingProxyType({name: role for name, role in found.items() if role})

    def tells(self) -> tuple[Tell, ...]:
        """Each figure that its witness tells, also under the names by which other targets tell it."""
        witness = Request(f"{self.base}/witness?run={RUN}", "GET", self.headers)
        told = self.features.witness
        found = [Tell(name, witness, f"$.{name}", "stream", optional=name in _ABSENT) for name in told]
        if {"sent", "sending"} <= set(told):
            found.append(Tell("produced", witness, "$.sent", "stream", plus="$.sending"))
        if "cancel_seen" in told:
            found.append(Tell("cancelled", witness, "$.cancel_seen", "stream"))
        if "state" in told:
            found.append(Tell("ended", witness, "$.state", "stream", word="ended"))
        return tuple(found)

    def _quoted(self, script: str) -> str:
        """A script as it stands in a request of this binding."""
        return script if self.binding in BOTH_WAYS else quoted_script(script)

    def _stream(self, script: str, direction: str = "server") -> Request:
        """A stream that plays this script. Where a client may speak as well, its first message says what is to be
        played; elsewhere its URL does."""
        place = self.features.streams[self.binding]
        if self.binding not in BOTH_WAYS:
            return Request(f"{self.base}/{place}?run={RUN}&script={script}", "GET", self.stream_headers)
        wish = f'{{"run":"{RUN}","script":{script}}}'
        parts = urlsplit(self.base)
        if self.binding == "ws":
            scheme = "wss" if parts.scheme == "https" else "ws"
            url = f"{scheme}{self.base.removeprefix(parts.scheme)}/{place}"
            return Request(url, "GET", self.stream_headers, self._opening(direction, wish))
        port, _, name = place.removeprefix(":").partition("/")
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        if self.binding == "tcp":
            procedure = f"{name}/{direction}" if name else direction
            return Request(f"tcp://{host}:{port}", "GET", self.stream_headers, self._opening(procedure, wish))
        url = f"grpc://{host}:{port}/{name}/{direction.capitalize()}"
        return Request(url, "POST", self.stream_headers, wish.encode())

    def _opening(self, procedure: str, wish: str) -> bytes:
        template = self.envelope.start if self.envelope else ""
        return filled(template, {"procedure": json.dumps(procedure), "payload": wish}).encode()

    def _ended(self, *steps: Step) -> tuple[Step, ...]:
        """The steps, and the end of the stream said where it can be said."""
        return (*steps, Complete()) if "complete" in self.features.steps else steps

    def _role(
        self, name: str, steps: tuple[Step, ...], attributes: Mapping[str, Declared], options: Mapping[str, int | str]
    ) -> Role | None:
        """None where a step is not offered, or where the stream would have to be ended and cannot be."""
        if not set(names_of(steps)) <= self.features.steps:
            return None
        if name in _END and "explicit_end" in self.features.declares and Complete() not in steps:
            return None
        script = self._quoted(text_of(steps, options)).replace(str(_ANY), COUNT)
        return Role(name, self._stream(script), MappingProxyType(dict(attributes)))

    def _scripts(self) -> dict[str, tuple[tuple[Step, ...], dict[str, Declared], dict[str, int | str]]]:
        """For each role the steps, what is declared of it, and the options."""
        beats: dict[str, int | str] = {_HEARTBEAT: _HEARTBEAT_MS} if self._beats else {}
        beating: dict[str, Declared] = {_HEARTBEAT: _HEARTBEAT_MS} if beats else {}
        seq: dict[str, Declared] = {"seq": _SEQ}
        texts = json.dumps(TEXTS, ensure_ascii=False)
        sent = Send(tuple(json.dumps({"text": text}, ensure_ascii=False, separators=(",", ":")) for text in TEXTS))
        one = Generate(n=1)
        size = min(_ITEM_BYTES, int(self.features.declares.get("limit_bytes", _ITEM_BYTES)))
        failing = (Generate(n=3), Fail("INTERNAL", "as the script says"))
        found: dict[str, tuple[tuple[Step, ...], dict[str, Declared], dict[str, int | str]]] = {
            "finite": ((Generate(n=_ITEMS), Complete()), {"items": _ITEMS, **seq}, {}),
            "endless": ((Generate(every_ms=_EVERY_MS),), seq, {}),
            "failing": (failing, {"items_before": 3, **seq}, {}),
            "prompt": (self._ended(one, Wait(_GAP_MS), one), {"gap_ms": _GAP_MS, **seq}, {}),
            "large": (self._ended(Generate(_ANY, size)), {"item_bytes": size, **seq}, {}),
            "idle": ((one, Gate(SHUT)), beating, beats),
            "empty": ((Complete(),), {}, {}),
            "text": (self._ended(sent), {"items": texts, "field": "$.text"}, {}),
        }
        if self.binding == "sse" and (guarantee := self.features.declares.get("resume")):
            going = Generate(20, every_ms=_EVERY_MS)
            promised = {name: "yes" for name in ("isolated", "signals_unknown") if name in self.features.declares}
            found["resumable"] = (self._ended(going), {"guarantee": str(guarantee), **promised, **seq}, {})
        return found


_END: Final = frozenset({"finite", "prompt", "large", "empty", "text", "resumable"})  # the roles that end with success


def gate_request(base: str, headers: Headers, run: str, name: str) -> Request:
    """Opens a gate of that run."""
    return Request(f"{base}/gate?run={run}&name={quote(name, safe='')}", "POST", headers)


def of_run(request: Request, run: str) -> Request:
    """The request with this run's id, where it has a place for one."""
    return replace(request, url=request.url.replace(RUN, run))
