"""Ollama's API, as far as it is spoken here: what a request's body wants, what is told of models, and its errors.

Never here: an answer (`ollama_answers`), a path, HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import payload
from streamspec.reference_impl.routing import Refused
from streamspec.reference_impl.services.agent import endpoints_wanted as wanting
from streamspec.reference_impl.services.agent.endpoints_reading import Invalid
from streamspec.reference_impl.services.agent.endpoints_wanted import Limits, Wanted
from streamspec.reference_impl.services.agent.ports import MOST_TOKENS
from streamspec.reference_impl.services.agent.templates import Turn, template_for
from streamspec.reference_impl.services.agent.tool_calls_formats import FORMATS
from streamspec.reference_impl.stream.errors import Code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.services.agent.endpoints_reading import Fields
    from streamspec.reference_impl.stream.errors import StreamError

VERSION: Final = "0.6.0"  # whose API this is
RUNNING: Final = "Ollama is running"
TAG: Final = ":latest"  # what a name means that has no tag
MOST_STOPS: Final = 10  # texts of one request
NO_LIMIT: Final = (-1, -2)  # of tokens: until the answer is over, or the context full
JSON: Final = "application/json; charset=utf-8"
_NOWHEN: Final = "1970-01-01T00:00:00Z"  # these models were never changed
_STATUSES: Final[Mapping[Code, int]] = {
    Code.INVALID_ARGUMENT: 400,
    Code.NOT_FOUND: 404,
    Code.UNIMPLEMENTED: 501,
    Code.RESOURCE_EXHAUSTED: 503,
    Code.UNAVAILABLE: 503,
    Code.TIMED_OUT: 504,
}


@dataclass(frozen=True, slots=True)
class Loaded:
    """Nothing was asked: the model is only to be there, and is."""

    model: str


def chat(fields: Fields, models: Sequence[str], limits: Limits) -> Wanted | Loaded:
    """What the body of a chat wants. An assistant's message at the end is the beginning of the answer. Raises
    `Invalid`."""
    model = known(fields.text("model"), models)
    messages = fields.objects("messages", limits.most_messages)
    if not messages:
        return Loaded(model)
    _check(fields)
    tools = wanting.tools_of(fields, limits)
    calls = FORMATS[template_for(model).calls]
    turns = wanting.turns_of(messages, calls)
    answer = turns[-1].text if turns[-1].role == "assistant" else ""
    said = turns[:-1] if answer else turns
    prompt, template = wanting.prompted(model, said, tools, limits, answer)
    request = wanting.asked(
        fields, "messages", prompt, (*template.stops, *_stops(fields)), _most(fields, limits), limits
    )
    return Wanted(model, request, fields.flag("stream", default=True), calls=calls if tools else None)


def generate(fields: Fields, models: Sequence[str], limits: Limits) -> Wanted | Loaded:
    """What the body of a generation wants: its prompt is one turn, unless it is raw. Raises `Invalid`."""
    model = known(fields.text("model"), models)
    prompt = fields.text("prompt", "")
    if not prompt:
        return Loaded(model)
    _check(fields)
    stop = _stops(fields)
    if not fields.flag("raw", default=False):
        system = fields.text("system", "")
        turns = (*([Turn("system", system)] if system else ()), Turn("user", prompt))
        prompt, template = wanting.prompted(model, turns, (), limits)
        stop = (*template.stops, *stop)
    request = wanting.asked(fields, "prompt", prompt, stop, _most(fields, limits), limits)
    return Wanted(model, request, fields.flag("stream", default=True))


def known(name: str, names: Sequence[str]) -> str:
    """The name of a model, whose tag may be left out or be the usual one. Raises `Invalid`."""
    plain = name.removesuffix(TAG)
    if plain not in names:
        raise Invalid(f"model '{name[:200]}' not found", "model", 404)
    return plain


def tags(names: Sequence[str]) -> object:
    return {"models": [_tag(name) for name in names]}


def show(fields: Fields, names: Sequence[str]) -> object:
    """What is known of a model. Raises `Invalid`."""
    name = known(fields.text("model", fields.text("name", "")), names)
    template = template_for(name)
    return {
        "modelfile": f"FROM {name}",
        "parameters": "\n".join(f'stop "{stop}"' for stop in template.stops),
        "template": template.name,
        "details": _details(name),
        "model_info": {"general.architecture": "streamspec"},
        "capabilities": ["completion", "tools"],
        "modified_at": _NOWHEN,
    }


def refused(invalid: Invalid, more: Headers = ()) -> Refused:
    return Refused(invalid.status, payload.to_json({"error": invalid.message}), more, JSON)


def failed(failure: StreamError) -> Refused:
    return Refused(_STATUSES.get(failure.code, 500), payload.to_json(error(failure)), (), JSON)


def error(failure: StreamError) -> object:
    """The record with which a stream breaks off. Ollama has no code there, by which a client could tell what may be
    tried again (ER-01); its clients pass over fields that they do not know."""
    return {"error": failure.message, "code": failure.code.value}


def _tag(name: str) -> dict[str, object]:
    full = f"{name}{TAG}"
    return {
        "name": full,
        "model": full,
        "modified_at": _NOWHEN,
        "size": 0,
        "digest": "",
        "details": _details(name),
    }


def _details(name: str) -> object:
    family = template_for(name).name
    return {
        "parent_model": "",
        "format": "streamspec",
        "family": family,
        "families": [family],
        "parameter_size": "",
        "quantization_level": "",
    }


def _check(fields: Fields) -> None:
    """Refuse what cannot be done, rather than to do something else."""
    if fields.has("format") and fields.value("format") != "":
        fields.refuse("format", "cannot be used: these models write text")
    if fields.value("think"):
        fields.refuse("think", "cannot be used: these models do not think")
    for name in ("logprobs", "top_logprobs"):
        if fields.value(name):
            fields.refuse(name, "cannot be told by these models")
    for name in ("suffix", "template"):
        if fields.text(name, ""):
            fields.refuse(name, "cannot be used here")
    if fields.elements("images", wanting.MOST_PARTS):
        fields.refuse("images", "cannot be used: these models take text")
    options = fields.fields("options")
    options.number("temperature", 0, 2)
    options.number("top_p", 0, 1)


def _stops(fields: Fields) -> tuple[str, ...]:
    return fields.fields("options").texts("stop", MOST_STOPS, wanting.MOST_STOP_CHARS)


def _most(fields: Fields, limits: Limits) -> int:
    options = fields.fields("options")
    if options.value("num_predict") in NO_LIMIT:
        return limits.most_tokens
    return options.whole("num_predict", min(MOST_TOKENS, limits.most_tokens), 0, limits.most_tokens)
