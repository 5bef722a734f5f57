"""The closed list of deviations: every way in which octets can leave a grammar, by layer, with a sentence for reports.

Data only. Never here: who saw one (`event.Deviation`), or what it means (a rule says that).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# Every way in which octets can leave a grammar, with the sentence a report prints. The list is closed: a decoder
# says what it saw, a rule says what that means.
DEVIATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # head: RFC 9112 §2 to §5, RFC 9110 §5
        "head.bare-lf": "a header line ends with LF alone",
        "head.obs-fold": "a header value is folded over several lines",
        "head.no-colon": "a header line has no colon",
        "head.name": "a header name has an octet that is no token character",
        "head.value": "a header value has a control octet",
        "head.length-and-coding": "Content-Length and Transfer-Encoding stand together",
        "head.lengths-differ": "several Content-Length values differ",
        "head.length-invalid": "Content-Length is not a plain decimal number",
        "head.coding-unknown": "the transfer coding is not one we can remove",
        # framing: RFC 9112 §6 to §8
        "chunk.size": "a chunk size is not hexadecimal digits",
        "chunk.bare-lf": "a chunk line ends with LF alone",
        "chunk.data-end": "chunk data is not followed by CRLF",
        "chunk.line-too-long": "a chunk line is longer than our limit",
        "chunk.trailer": "a trailer line is malformed",
        "chunk.trailers-too-long": "trailers are longer than our limit",
        "chunk.no-last": "the connection ended inside a chunked body, before its end",
        "body.short": "the connection ended before Content-Length octets came",
        "body.excess": "octets came after the end of the message, with no request pending",
        # event stream: HTML §9.2.5, §9.2.6
        "sse.utf8": "a line is not valid UTF-8",
        "sse.bom": "a byte order mark stands at the start of a line other than the first",
        "sse.unterminated": "the stream ended inside an event block that carries data",
        "sse.field": "a field name is none of data, event, id, retry",
        "sse.id-nul": "an id contains NUL",
        "sse.retry": "a retry value is not digits",
        "sse.line-too-long": "a line is longer than our limit",
        "sse.event-too-long": "an event is longer than our limit",
        "sse.data-too-deep": "an item's JSON nests deeper than our limit",
        "sse.data-not-json": "an item's data is not one RFC 8259 text, and the profile says it is JSON",
        # newline-delimited JSON: ndjson-spec §3.1
        "ndjson.not-json": "a line is not one RFC 8259 text",
        "ndjson.spread": "one JSON text stands on several lines",
        "ndjson.inner-cr": "a raw CR stands inside a line",
        "ndjson.utf8": "a line is not valid UTF-8",
        "ndjson.bom": "a byte order mark stands at the start of a line",
        "ndjson.crlf": "a line ends with CR LF",
        "ndjson.empty-line": "a line is empty",
        "ndjson.unterminated": "the body ended without a line end after its last text",
        "ndjson.line-too-long": "a line is longer than our limit",
        "ndjson.too-deep": "a line's JSON nests deeper than our limit",
        # one JSON array: RFC 8259 §5
        "array.none": "the body is no JSON array",
        "array.element": "an element is not one RFC 8259 text",
        "array.separator": "elements are not separated by one comma",
        "array.utf8": "the array is not valid UTF-8",
        "array.bom": "a byte order mark stands before the array",
        "array.open": "the body ended before the array was closed",
        "array.excess": "octets that are no blanks came after the end of the array",
        "array.element-too-long": "an element is longer than our limit",
        "array.too-deep": "an element nests deeper than our limit",
        # legal JSON that readers read differently: RFC 8259 §4, §6
        "json.duplicate-name": "a name stands twice in one object",
        "json.huge-number": "a number is beyond what a double holds exactly",
        # WebSocket frames: RFC 6455 §4 to §7, RFC 7692
        "ws.upgrade": "the answer is 101, and does not say Upgrade: websocket and Connection: Upgrade",
        "ws.accept": "Sec-WebSocket-Accept is missing, or not the one for our key",
        "ws.extension": "an extension stands in the answer that we did not offer",
        "ws.subprotocol": "a subprotocol stands in the answer that we did not offer",
        "ws.masked": "a frame of the server is masked",
        "ws.reserved-bit": "a reserved bit is set that no extension has given a meaning",
        "ws.opcode": "a frame has a reserved opcode",
        "ws.length": "a length is not in its shortest form, or its highest bit is set",
        "ws.control-long": "a control frame has more than 125 octets",
        "ws.control-fragmented": "a control frame is fragmented",
        "ws.continuation": "a continuation frame continues nothing",
        "ws.interrupted": "a new message begins inside a fragmented one",
        "ws.utf8": "a text message is not valid UTF-8",
        "ws.close-length": "a Close frame has a body of one octet",
        "ws.close-code": "a Close frame has a code that is never sent",
        "ws.close-utf8": "the reason in a Close frame is not valid UTF-8",
        "ws.after-close": "a frame came after the Close frame",
        "ws.inflate": "a compressed message cannot be inflated",
        "ws.message-too-long": "a message is longer than our limit",
        "ws.cut": "the connection ended inside a frame or a message",
        # length-prefixed frames: the profile
        "tcp.frame-too-long": "a frame is longer than our limit",
        "tcp.empty": "a frame has no body",
        "tcp.cut": "the connection ended inside a frame",
        # envelopes: the profile
        "envelope.not-json": "a message is not one JSON object",
        "envelope.too-deep": "a message's JSON nests deeper than our limit",
        "envelope.type": "a message has a type that the profile does not know",
        "envelope.id": "a message is for no stream that we opened on this connection",
        "envelope.utf8": "a message is not valid UTF-8",
        # an answer to a call: JSON-RPC 2.0 §5
        "jsonrpc.no-answer": "the body is no answer to a call: an object with a result or an error",
        "jsonrpc.too-long": "the answer is longer than our limit",
        # HTTP/2 frames: RFC 9113
        "h2.preface": "the connection does not begin with a SETTINGS frame",
        "h2.frame-size": "a frame is larger than we allow, or has a size that its type does not have",
        "h2.stream": "a frame stands on a stream that is not open, or on one that its type does not go with",
        "h2.headers": "a header block is malformed",
        "h2.connection-field": "a field that is about a connection stands in an answer (§8.2.2)",
        "h2.window": "more was sent than the flow-control window allows",
        "h2.after-end": "a frame came on a stream behind its END_STREAM",
        "h2.length": "Content-Length is not the length of the body",
        "h2.settings": "a setting has a value that it cannot have",
        "h2.increment": "a WINDOW_UPDATE adds nothing, or more than a window may hold",
        "h2.cut": "the connection ended inside a frame",
        # messages of gRPC: gRPC over HTTP/2
        "grpc.flag": "a message's compressed flag is neither 0 nor 1",
        "grpc.flag-without-encoding": "a message is flagged as compressed, and there is no grpc-encoding",
        "grpc.inflate": "a compressed message cannot be inflated",
        "grpc.message-too-long": "a message is longer than our limit",
        "grpc.cut": "the body ended inside a message",
        "grpc.no-status": "the stream ended whole, and carries no grpc-status",
        "grpc.status": "grpc-status is no plain decimal number, or stands twice",
        "grpc.message": "grpc-message is not percent-encoded",
        "grpc.no-text": "a message is not the one of the service that was asked for",
        # content coding: RFC 9110 §8.4, RFC 1952
        "coding.invalid": "the body is not in the coding that its head names",
        "coding.cut": "the body ended before the end of its coding",
        "coding.too-large": "the decoded body is larger than our limit",
    }
)


# Which octets the offset of a layer counts, in words for a report; of the response where nothing is said.
PLACES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("sse", "ndjson", "array", "json", "jsonrpc", "coding", "grpc"), "of the body"),
        **dict.fromkeys(("ws", "tcp", "h2"), "of the connection"),
        "envelope": "of the messages of this stream",
    }
)
