"""OpenAI's API, as far as it is spoken here: what a request's body wants, and how an error is said.

Never here: an answer (`openai_answers`), a path, HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import payload
from streamspec.reference_impl.routing import Refused
from streamspec.reference_impl.services.agent import endpoints_wanted as wanting
from streamspec.reference_impl.services.agent.endpoints_reading import Invalid
from streamspec.reference_impl.services.agent.endpoints_wanted import Limits, Wanted
from streamspec.reference_impl.services.agent.templates import template_for
from streamspec.reference_impl.services.agent.tool_calls_formats import FORMATS
from streamspec.reference_impl.stream.errors import Code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.services.agent.endpoints_reading import Fields
    from streamspec.reference_impl.stream.errors import StreamError

MOST_STOPS: Final = 4  # texts of one request
JSON: Final = "application/json"
_TUNING: Final = (  # numbers that are checked and change nothing: the models are deterministic
    ("temperature", 0, 2),
    ("top_p", 0, 1),
    ("presence_penalty", -2, 2),
    ("frequency_penalty", -2, 2),
)
# A failure's status, its type, and its word. What is not here is a fault of the server's.
_STATUSES: Final[Mapping[Code, tuple[int, str, str | None]]] = {
    Code.INVALID_ARGUMENT: (400, "invalid_request_error", None),
    Code.NOT_FOUND: (404, "invalid_request_error", None),
    Code.RESOURCE_EXHAUSTED: (429, "rate_limit_error", "rate_limit_exceeded"),
    Code.UNIMPLEMENTED: (501, "invalid_request_error", "unsupported"),
    Code.UNAVAILABLE: (503, "server_error", "unavailable"),
    Code.TIMED_OUT: (504, "server_error", "timeout"),
}
_FAULT: Final = (500, "server_error", None)
_TYPES: Final[Mapping[int, str]] = {401: "authentication_error", 429: "rate_limit_error"}


def chat(fields: Fields, models: Sequence[str], limits: Limits) -> Wanted:
    """What the body of a chat completion wants. Raises `Invalid`."""
    model = _model(fields, models)
    messages = fields.objects("messages", limits.most_messages)
    if not messages:
        fields.refuse("messages", "is a list of messages, and is needed")
    _check(fields)
    _check_chat(fields)
    tools = wanting.tools_of(fields, limits) if _may_call(fields) else []
    calls = FORMATS[template_for(model).calls]
    prompt, template = wanting.prompted(model, wanting.turns_of(messages, calls), tools, limits)
    stop = (*template.stops, *fields.texts("stop", MOST_STOPS, wanting.MOST_STOP_CHARS))
    most = wanting.most_tokens(fields, ("max_completion_tokens", "max_tokens"), limits)
    request = wanting.asked(fields, "messages", prompt, stop, most, limits)
    return Wanted(model, request, *_shown(fields), calls if tools else None)


def completion(fields: Fields, models: Sequence[str], limits: Limits) -> Wanted:
    """What the body of a (legacy) completion wants: its prompt goes to the model as it is. Raises `Invalid`."""
    model = _model(fields, models)
    _check(fields)
    if not isinstance(fields.value("prompt"), str):
        fields.refuse("prompt", "is one text, and is needed: lists and tokens are not taken", "unsupported_value")
    if fields.has("logprobs"):  # 0 asks for those of what is said
        fields.refuse("logprobs", "cannot be told by these models", "unsupported_value")
    for name in ("echo", "suffix"):
        if fields.value(name):
            fields.refuse(name, "cannot be used here", "unsupported_value")
    if fields.whole("best_of", 1, 1, 20) != 1:
        fields.refuse("best_of", "is 1: there is one answer", "unsupported_value")
    stop = fields.texts("stop", MOST_STOPS, wanting.MOST_STOP_CHARS)
    most = wanting.most_tokens(fields, ("max_tokens",), limits)
    request = wanting.asked(fields, "prompt", fields.text("prompt", ""), stop, most, limits)
    return Wanted(model, request, *_shown(fields))


def models(names: Sequence[str]) -> object:
    return {"object": "list", "data": [model(name) for name in names]}


def model(name: str) -> object:
    return {"id": name, "object": "model", "created": 0, "owned_by": "streamspec"}


def known(name: str, names: Sequence[str]) -> str:
    """A model's name. Raises `Invalid` for one that there is not."""
    if name not in names:
        raise Invalid(f"the model '{name[:200]}' does not exist", "model", 404, "model_not_found")
    return name


def refused(invalid: Invalid, more: Headers = ()) -> Refused:
    kind = _TYPES.get(invalid.status, "invalid_request_error")
    return _refused(invalid.status, invalid.message, kind, invalid.param, invalid.code, more)


def failed(failure: StreamError) -> Refused:
    status, kind, code = _STATUSES.get(failure.code, _FAULT)
    return _refused(status, failure.message, kind, "", code)


def error(failure: StreamError) -> object:
    """The record with which a stream breaks off."""
    _, kind, code = _STATUSES.get(failure.code, _FAULT)
    return _error(failure.message, kind, "", code)


def _refused(status: int, message: str, kind: str, param: str, code: str | None, more: Headers = ()) -> Refused:
    return Refused(status, payload.to_json(_error(message, kind, param, code)), more, JSON)


def _error(message: str, kind: str, param: str, code: str | None) -> object:
    return {"error": {"message": message, "type": kind, "param": param or None, "code": code or None}}


def _model(fields: Fields, models: Sequence[str]) -> str:
    return known(fields.text("model"), models)


def _check(fields: Fields) -> None:
    """Refuse what cannot be done, rather than to do something else."""
    if fields.whole("n", 1, 1, 128) != 1:
        fields.refuse("n", "is 1: there is one answer", "unsupported_value")
    for name in ("logprobs", "top_logprobs"):
        if fields.value(name):
            fields.refuse(name, "cannot be told by these models", "unsupported_value")
    if fields.fields("response_format").text("type", "text") != "text":
        fields.refuse("response_format", "is text", "unsupported_value")
    for name, least, most in _TUNING:
        fields.number(name, least, most)


def _check_chat(fields: Fields) -> None:
    if fields.value("modalities") not in (None, [], ["text"]):
        fields.refuse("modalities", "is ['text']: these models write text", "unsupported_value")
    if fields.has("audio"):
        fields.refuse("audio", "cannot be used: these models write text", "unsupported_value")
    if fields.value("functions"):
        fields.refuse("functions", "cannot be used: functions are offered as 'tools'", "unsupported_value")
    if fields.value("function_call") not in (None, "auto", "none"):
        fields.refuse("function_call", "cannot be used: functions are offered as 'tools'", "unsupported_value")


def _may_call(fields: Fields) -> bool:
    choice = fields.value("tool_choice")
    if not isinstance(choice, str | None) or choice not in {None, "auto", "none"}:
        fields.refuse("tool_choice", "is 'auto' or 'none': these models cannot be made to call", "unsupported_value")
    return choice != "none"


def _shown(fields: Fields) -> tuple[bool, bool]:
    """Whether it is a stream, and whether that tells its usage."""
    streams = fields.flag("stream", default=False)
    if fields.has("stream_options") and not streams:
        fields.refuse("stream_options", "is only for streams")
    return streams, fields.fields("stream_options").flag("include_usage", default=False)
