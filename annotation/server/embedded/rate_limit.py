"""No guessing of passwords: few failed logins an address, and a username, in a while.

A login that is under way counts as failed until it has succeeded, so that many at once gain nothing. Behind a
proxy every client has the proxy's address, unless FORWARDED_ALLOW_IPS names the proxy (uvicorn's own variable).
"""

import hashlib
import math
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any

# OWASP (Authentication Cheat Sheet) wants a threshold and an observation window, and leaves the figures open.
# Ten is beyond any honest mistyping, and at this pace the million commonest passwords last a year.
MAX_FAILURES, WINDOW_SECONDS = 10, 300.0
# Beyond this many addresses and names the one that was quiet longest is forgotten (about 4 MB).
MAX_KEYS = 10_000

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_ADDRESS: ContextVar[str] = ContextVar("address", default="unknown")


class Limiter:
    """Failures a key within the window. Bounded: both the keys, and the failures remembered of each."""

    def __init__(
        self,
        failures: int = MAX_FAILURES,
        window: float = WINDOW_SECONDS,
        keys: int = MAX_KEYS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures, self._window, self._keys, self._clock = failures, window, keys, clock
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def wait(self, *keys: str) -> float:
        """Seconds until all of the keys may try again; 0 when they may now."""
        return max((self._wait(key) for key in keys), default=0.0)

    def count(self, *keys: str) -> float:
        """Count a try of all the keys as failed; returns its moment, which `forgive` takes."""
        now = self._clock()
        for key in keys:
            self._seen.setdefault(key, deque(maxlen=self._failures)).append(now)
            self._seen.move_to_end(key)
        while len(self._seen) > self._keys:
            self._seen.popitem(last=False)
        return now

    def forgive(self, moment: float, *keys: str) -> None:
        """The try counted at that moment succeeded."""
        for key in keys:
            tries = self._seen.get(key)
            if tries and moment in tries:
                tries.remove(moment)

    def _wait(self, key: str) -> float:
        tries = self._seen.get(key)
        if not tries:
            return 0.0
        while tries and self._clock() - tries[0] >= self._window:
            tries.popleft()
        if not tries:
            del self._seen[key]
        if len(tries) < self._failures:
            return 0.0
        return self._window - (self._clock() - tries[0])


def with_address(app: App) -> App:
    """ASGI: what runs for a request knows from which address it came."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            _ADDRESS.set(str((scope.get("client") or ("unknown",))[0]))
        await app(scope, receive, send)

    return serve


def guarded(authenticate: Any, limiter: Limiter) -> Any:
    """Argilla's check of a name and a password (the user, or null), which refuses with 429 beyond the limit.

    At this place the name is the one that is looked up, however the form that it came in was written.
    """
    from starlette.exceptions import HTTPException

    async def check(db: Any, username: str, password: str) -> Any:
        keys = (f"address {_ADDRESS.get()}", f"name {_digest(username)}")
        if seconds := math.ceil(limiter.wait(*keys)):
            said = f"Too many failed logins; try again in {seconds} seconds."
            raise HTTPException(429, said, headers={"Retry-After": str(seconds)})
        moment = limiter.count(*keys)
        user = await authenticate(db, username, password)
        if user:
            limiter.forgive(moment, *keys)
        return user

    return check


def _digest(name: str) -> str:
    # So that a long name takes no more memory than a short one.
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
