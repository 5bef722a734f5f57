"""`stream_server`: the streams of a router as one application, over HTTP, WebSocket, TCP and gRPC.

    serve(stream_server(router), "127.0.0.1", 3000)

Never here: a protocol of its own (`over_http`, `over_messages`), a socket, a stream at work.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl import raffel_docs_envelopes, raffel_envelopes
from streamspec.reference_impl.services.framework.over_http import Http
from streamspec.reference_impl.services.framework.over_messages import methods, opener
from streamspec.reference_impl.services.framework.served_options import Options
from streamspec.reference_impl.services.framework.served_stream import CANCELLED
from streamspec.reference_impl.services.hosting import Service, mount_of

if TYPE_CHECKING:
    from streamspec.reference_impl.outlet import ItemStream
    from streamspec.reference_impl.seams import Seams
    from streamspec.reference_impl.services.framework.router import Router

USUAL: Final = Options()


def stream_server(router: Router, options: Options = USUAL) -> Service:
    """Everything that the router finds, served. Over gRPC it is what it found when the server started."""
    mount = mount_of(opener(router, options), _seams(options), partial(methods, router))
    return Service(Http(router, mount, options), mount, (options.websocket_path,))


def _seams(options: Options) -> Seams:
    dialect = raffel_docs_envelopes.SEAMS if options.envelopes == "docs" else raffel_envelopes.SEAMS
    # The document has no word for a cancel: the contract's and that of Raffel's clients are understood in both.
    return replace(
        dialect,
        said=raffel_envelopes.read,
        capacity=options.high_water_mark,
        on_cancel_word=_cancel,
    )


def _cancel(stream: ItemStream) -> None:
    stream.cancel(CANCELLED)
