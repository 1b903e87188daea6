"""How the page's server answers: JSON, errors in one line; and how it takes what the page sends."""

import json
from collections.abc import Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from pipelines._shown import one_line
from schemas.errors import AssayError, UsageError

# Longer than any reason, shorter than any attack.
MOST_BYTES = 32_000


def as_json(answer: Callable[[], Any]) -> Response:
    """JSON; what goes wrong in one line, with 400 for a question that is none and 503 for what is broken here."""
    try:
        return Response(orjson.dumps(answer()), media_type="application/json")
    except AssayError as error:
        status = 400 if isinstance(error, UsageError) else 503
        return Response(orjson.dumps({"error": one_line(str(error), 500)}), status, media_type="application/json")


def answering(answer: Callable[[Request], Any]) -> Callable[[Request], Response]:
    """An endpoint for questions."""
    return lambda request: as_json(lambda: answer(request))


def taking(answer: Callable[[Request, dict[str, Any]], Any], what: str) -> Callable[[Request], Any]:
    """An endpoint for what is written: an object of JSON, `what` in words for whoever sends something else."""

    async def respond(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        body = await _body(request)
        return await run_in_threadpool(as_json, lambda: answer(request, _parsed(body, what)))

    return respond


async def _body(request: Request) -> bytes:
    """As much as is ever needed, and a byte more where there is more."""
    body = b""
    async for piece in request.stream():
        body = (body + piece)[: MOST_BYTES + 1]
    return body


def _parsed(body: bytes, what: str) -> dict[str, Any]:
    try:
        said = json.loads(body) if len(body) <= MOST_BYTES else None
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise UsageError(f"no {what} that can be read")
    return said
