"""What a browser may do with the server's pages: a content security policy that runs only Argilla's own scripts.

Argilla's UI shows some texts as HTML, most of them in frames of its own origin. Under this policy nothing in them
runs, loads or leads a frame elsewhere: a script must be a file of the server, or one of the few inline scripts that
Argilla itself has, known by their SHA-256. (statics.py has the UI show them as text in the first place.)
"""

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)
# The frame's script that copies the page's styles into it, as a string in the built UI.
_FRAME = re.compile(r"'\\n<script>(\\nif \(parent\) \{.*?)<\\/script>\\n<style>")

_FIXED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "SAMEORIGIN",
    "x-dns-prefetch-control": "off",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


def policy(statics: Path) -> str:
    """The policy for the UI in that folder (as it is served, base path filled in)."""
    scripts = sorted(f"'sha256-{_sha256(script)}'" for script in _inline_scripts(statics))
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' {' '.join(scripts)}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "frame-src 'self'",
            "form-action 'self'",
            "object-src 'none'",
            "base-uri 'self'",
            "frame-ancestors 'self'",
        )
    )


def _inline_scripts(statics: Path) -> set[str]:
    pages = [page.read_text(encoding="utf-8") for page in sorted(statics.rglob("*.html"))]
    frames = [bundle.read_text(encoding="utf-8") for bundle in sorted((statics / "_nuxt").glob("*.js"))]
    inline = {script for page in pages for script in _INLINE.findall(page)}
    return inline | {_unescape(script) for bundle in frames for script in _FRAME.findall(bundle)}


def _unescape(literal: str) -> str:
    # The bundle's one string uses no other escapes.
    return literal.replace("\\n", "\n").replace("\\'", "'").replace("\\/", "/")


def _sha256(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode()


class SecurityHeaders:
    """ASGI: adds the headers to every answer, errors and files included."""

    def __init__(self, app: App, policy: str) -> None:
        self._app = app
        named = {"content-security-policy": policy, **_FIXED}
        self._headers = [(name.encode(), value.encode()) for name, value in named.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._added(scope)]
            await send(message)

        await self._app(scope, receive, adding)

    def _added(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        # Keys and tokens are among what the API answers.
        private = scope.get("path", "").startswith("/api/")
        return [*self._headers, *([(b"cache-control", b"no-store")] if private else [])]
