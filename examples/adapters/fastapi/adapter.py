# Plays the scripts of docs/contract.md with FastAPI: a StreamingResponse around an async generator.

import asyncio
import json
import secrets
from functools import lru_cache
from typing import Literal

from fastapi import FastAPI
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import Json

STEPS = ["send", "generate", "wait", "gate", "fail", "complete"]  # `complete` comes last, and so does the return
FORMS = {"sse": ("text/event-stream", "data: ", "\n\n"), "ndjson": ("application/x-ndjson", "", "\n")}
BEGUN = {"state": "playing", "called": 0, "sent": 0, "sending": 0, "cancel_seen": 0, "cleanups": 0}
FEATURES = {"contract": 1, "streams": {name: name for name in FORMS}, "steps": STEPS, "witness": list(BEGUN)}
app = FastAPI()
app.add_api_route("/streamspec/features", lambda: FEATURES)


@lru_cache(maxsize=10_000)  # so many runs are remembered, far more than begin in the 60 s for which they have to be
def known(_run):
    return dict(BEGUN), {}


async def played(steps, witness, gates):
    for step in steps:
        await asyncio.sleep(step.get("ms", 0) / 1000)  # only `wait` has `ms`, only `send` has `items`
        if step["do"] == "gate":
            await gates.setdefault(step["name"], asyncio.Event()).wait()
        if step["do"] == "fail":
            raise RuntimeError(step.get("message"))
        for item in step.get("items", []):
            yield item
        for index in range(step.get("n", 10**12) if step["do"] == "generate" else 0):
            await asyncio.sleep(step.get("every_ms", 0) / 1000 if index else 0)
            pad = secrets.token_urlsafe(step.get("bytes", 0)).translate({45: "x", 95: "x"})
            yield {"n": witness["sent"] + 1, "pad": pad[: max(0, step.get("bytes", 0) - 16)]}


async def body(steps, witness, gates, before, behind):
    witness["called"] += 1
    try:
        async for item in played(steps, witness, gates):
            witness["sending"] = 1
            yield before + json.dumps(item) + behind
            witness.update(sending=0, sent=witness["sent"] + 1)
    except (asyncio.CancelledError, GeneratorExit):
        witness["cancel_seen"] = 1
        raise
    finally:
        witness.update(state="ended", sending=0, cleanups=witness["cleanups"] + 1)


@app.get("/streamspec/witness")
async def witness_of(run: str):
    witness, _ = known(run)
    return JSONResponse(witness, 200 if witness["called"] else 404)


@app.post("/streamspec/gate")
async def gate(run: str, name: str):
    _, gates = known(run)
    gates.setdefault(name, asyncio.Event()).set()


@app.get("/streamspec/{stream}")
async def stream_of(stream: Literal["sse", "ndjson"], run: str, script: Json):
    if unknown := {step["do"] for step in script["steps"]}.union(script) - {"steps", *STEPS}:
        return JSONResponse({"unsupported": unknown.pop()}, 501)
    media_type, *around = FORMS[stream]
    return StreamingResponse(
        body(script["steps"], *known(run), *around), media_type=media_type, headers={"Cache-Control": "no-cache"}
    )
