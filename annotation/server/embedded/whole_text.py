"""No half characters: a request whose JSON holds a lone surrogate (half an emoji) is refused.

JSON can spell one and no answer can be made of one, so once it is stored every listing that holds it fails. Upstream
checks the fields of records, but not what people answer.
"""

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

REFUSAL = (
    "The text holds half of a character (a lone surrogate, as when an emoji is cut in two) or is not UTF-8; "
    "remove it and send the rest again"
)
# What comes as a form or a file is not JSON; a body without a type is taken for it.
_NOT_JSON = re.compile(r"(multipart/|application/x-www-form-urlencoded)", re.IGNORECASE)
# One escape after the other, so that neither a doubled backslash nor the second half of a pair begins one.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_MAYBE = re.compile(r"\\u[dD][89a-fA-F]")


def is_whole(body: bytes) -> bool:
    r"""Whether a JSON text can be shown again.

    >>> is_whole(rb'"\ud83d\ude00"'), is_whole(rb'"\\ud83d"'), is_whole(rb'"\ud83d"'), is_whole(rb'"\ude00\ud83d"')
    (True, True, False, False)
    """
    try:
        text = body.decode(json.detect_encoding(body))
    except UnicodeDecodeError:
        return False
    return not _MAYBE.search(text) or not any(found["half"] for found in _ESCAPE.finditer(text))


def only(app: App) -> App:
    """ASGI: answers 422 itself where the body is not whole."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if not _may_hold_json(scope):
            await app(scope, receive, send)
            return
        messages, body = await _read(receive)
        if is_whole(body):
            await app(scope, _again(messages, receive), send)
        else:
            await _refuse(send)

    return serve


def _may_hold_json(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] not in ("POST", "PUT", "PATCH"):
        return False
    kinds = [value.decode("latin-1") for name, value in scope["headers"] if name == b"content-type"]
    return not any(_NOT_JSON.match(kind) for kind in kinds)


async def _read(receive: Receive) -> tuple[list[Message], bytes]:
    messages = [await receive()]
    while messages[-1]["type"] == "http.request" and messages[-1].get("more_body"):
        messages.append(await receive())
    return messages, b"".join(message.get("body", b"") for message in messages)


def _again(messages: list[Message], receive: Receive) -> Receive:
    waiting = iter(messages)

    async def next_one() -> Message:
        message = next(waiting, None)
        return await receive() if message is None else message

    return next_one


async def _refuse(send: Send) -> None:
    body = json.dumps({"detail": REFUSAL}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 422, "headers": headers})
    await send({"type": "http.response.body", "body": body})
