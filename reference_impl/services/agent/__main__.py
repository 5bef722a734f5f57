"""`python -m streamspec.reference_impl.services.agent`: the built-in model, behind OpenAI's API and Ollama's.

Never here: anything but arguments.
"""

from __future__ import annotations

import argparse
import os

from streamspec.reference_impl.server import serve
from streamspec.reference_impl.services.agent.agent_server import AgentServer
from streamspec.reference_impl.services.agent.endpoints import Settings, service
from streamspec.reference_impl.services.agent.limits import QueueConfig


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m streamspec.reference_impl.services.agent",
        description="Serve a small built-in model, `primer`, under /v1 as OpenAI does and under /api as Ollama does.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--workers", type=int, default=1, help="threads for answers (default: 1)")
    parser.add_argument(
        "--heartbeat-ms", type=int, default=0, help="of silence, then a comment (SSE); 0: never (default)"
    )
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with the parent that holds stdin")
    parser.add_argument(
        "--token",
        default=os.environ.get("STREAMSPEC_TOKEN", ""),
        help="serve only whoever has this bearer token (default: $STREAMSPEC_TOKEN)",
    )
    arguments = parser.parse_args()
    tokens = (arguments.token,) if arguments.token else ()
    settings = Settings(heartbeat_ms=arguments.heartbeat_ms, tokens=tokens)
    with AgentServer(queue=QueueConfig(stream_workers=arguments.workers)) as agent:
        app = service(agent, settings)
        serve(
            app,
            arguments.host,
            arguments.port,
            until_stdin_closes=arguments.until_stdin_closes,
            over_grpc=False,
        )


if __name__ == "__main__":
    main()
