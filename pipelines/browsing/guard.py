"""Who may ask: a browser on this machine that was given the address with its key, from our own page.

Anybody's page may make a browser ask 127.0.0.1, or have a name of its own point there: so the Host header must be
ours, the key must come with every request (as a cookie that no other site's request carries), and whoever writes must
say a second key that only our page knows, from our origin.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, NamedTuple
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

WRITE_HEADER = "x-assay-write"
_NAMES = ("127.0.0.1", "localhost", "[::1]")

HEADERS = {
    # Nothing but our own files, nothing inline: what a text of the data says can run nowhere.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Keys(NamedTuple):
    """Made at each start: `entry` is in the address that is printed, `write` in our page alone."""

    entry: str
    write: str

    @classmethod
    def made(cls) -> "Keys":
        return cls(secrets.token_urlsafe(24), secrets.token_urlsafe(24))


class Guard:
    """Wraps an application; refuses in one line with 403 or 421."""

    def __init__(self, app: App, *, port: int, keys: Keys) -> None:
        self._app, self._keys = app, keys
        self._hosts = {f"{name}:{port}" for name in _NAMES}
        # Cookies know no ports: two releases that are looked at side by side must not overwrite each other's.
        self._cookie = f"assay-browse-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        given = parse_qs(scope["query_string"].decode("latin-1")).get("key", [""])[0]
        entered = scope["path"] == "/" and _same(given, self._keys.entry)
        if why := self._refused(scope, headers, entered):
            status = 421 if why == _WRONG_HOST else 403
            await _answer(send, status, why)
            return

        async def answer(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                more = dict(HEADERS)
                if entered:
                    more["set-cookie"] = f"{self._cookie}={self._keys.entry}; Path=/; HttpOnly; SameSite=Strict"
                message = {**message, "headers": [*message["headers"], *_raw(more)]}
            await send(message)

        await self._app(scope, receive, answer)

    def _refused(self, scope: Scope, headers: Mapping[str, str], entered: bool) -> str | None:
        host = headers.get("host", "")
        if host not in self._hosts:
            return _WRONG_HOST
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not entered:
            return "another site's page asks; open the address that assay browse printed"
        if not entered and not _same(self._key(headers), self._keys.entry):
            return "the key is missing; open the address that assay browse printed"
        if scope["method"] in ("GET", "HEAD"):
            return None
        if headers.get("origin") != f"http://{host}" or not _same(headers.get(WRITE_HEADER, ""), self._keys.write):
            return "only the page itself may write"
        return None

    def _key(self, headers: Mapping[str, str]) -> str:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return ""
        return found.value if found else ""


_WRONG_HOST = "this is answered on loopback addresses only"


def _same(given: str, key: str) -> bool:
    return secrets.compare_digest(given.encode(), key.encode())


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


async def _answer(send: Send, status: int, why: str) -> None:
    headers = _raw({"content-type": "text/plain; charset=utf-8", **HEADERS})
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"assay: {why}\n".encode()})
