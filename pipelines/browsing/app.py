"""The page's server: what it answers, and the one thing that it writes."""

import html
import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from checks.catalogue import all_checks
from pipelines import _by_hand as hand
from pipelines._people import decisions_of
from pipelines._shown import one_line
from pipelines.browsing.about import about
from pipelines.browsing.asked import Asked, query_of
from pipelines.browsing.guard import Guard, Keys
from pipelines.browsing.held import Held, hold
from pipelines.browsing.near import Near
from pipelines.browsing.places import places
from pipelines.browsing.telling import decided, told
from schemas.decision import Verdict
from schemas.errors import AssayError, UsageError
from schemas.manifest import MANIFEST

PAGE = Path(__file__).parent / "page"
_KINDS = {".css": "text/css", ".js": "text/javascript", ".html": "text/html"}
_FILES = {path.relative_to(PAGE).as_posix(): path for path in sorted(PAGE.rglob("*")) if path.suffix in (".css", ".js")}
# Longer than any reason, shorter than any attack.
_MOST_BYTES = 32_000
# Annotators' decisions come in beside us; ours are seen at once.
_FRESH_SECONDS = 2.0


class Browsed:
    """The release that is looked at, as it is now: made anew below us, it is read anew."""

    def __init__(self, held: Held, by: str) -> None:
        self.by = by
        self._lock = Lock()
        self._stamp = _stamp(held.release)
        self._decided: tuple[float, frozenset[str]] | None = None
        self._take(held)

    def _take(self, held: Held) -> None:
        self.held, self.asked, self.near = held, Asked(held), Near(held)
        self.about = about(held, self.by)
        Thread(target=self._warm, daemon=True).start()

    def _warm(self) -> None:
        """What the first questions would wait for: libraries imported, checks named, neighbours ready."""
        with suppress(AssayError):
            self.decided()
        all_checks()
        self.near.ready()

    def now(self) -> Held:
        """The release; after another run, that one. While one is being put in its place, what was there before."""
        with self._lock:
            stamp = _stamp(self.held.release)
            if stamp is not None and stamp != self._stamp:
                try:
                    self._take(hold(self.held.release))
                    self._stamp = stamp
                except AssayError:
                    pass  # not whole yet; the next question tries again
            return self.held

    def decided(self) -> frozenset[str]:
        """The subjects of which a person's word is in force."""
        known = self._decided
        if known is None or time.monotonic() - known[0] > _FRESH_SECONDS:
            frame = decisions_of(self.held.settings)
            known = self._decided = (time.monotonic(), frozenset(frame["subject"]))
        return known[1]

    def forget(self) -> None:
        """Something was written."""
        self._decided = None


def app_of(held: Held, *, by: str, port: int, keys: Keys) -> Guard:
    """The application, guarded."""
    browsed = Browsed(held, by)
    routes = [
        Route("/", lambda request: _page(keys), methods=["GET"]),
        Route("/static/{name:path}", _static, methods=["GET"]),
        Route("/api/about", _answering(browsed, _about), methods=["GET"]),
        Route("/api/rows", _answering(browsed, _rows), methods=["GET"]),
        Route("/api/rows/{row:int}", _answering(browsed, _row), methods=["GET"]),
        Route("/api/rows/{row:int}/near", _answering(browsed, _near), methods=["GET"]),
        Route("/api/rows/{row:int}/places", _answering(browsed, _places), methods=["GET"]),
        Route("/api/rows/{row:int}/decide", _deciding(browsed), methods=["POST"]),
    ]
    return Guard(Starlette(routes=routes), port=port, keys=keys)


def _page(keys: Keys) -> Response:
    text = (PAGE / "index.html").read_text(encoding="utf-8").replace("{{ write }}", html.escape(keys.write))
    return Response(text, media_type="text/html")


def _static(request: Request) -> Response:
    path = _FILES.get(request.path_params["name"])
    if path is None:
        return Response("no such file\n", 404, media_type="text/plain")
    return Response(path.read_bytes(), media_type=_KINDS[path.suffix])


def _answering(browsed: Browsed, answer: Callable[[Browsed, Held, Request], Any]) -> Callable[[Request], Response]:
    def respond(request: Request) -> Response:
        return _told(lambda: answer(browsed, browsed.now(), request))

    return respond


def _told(answer: Callable[[], Any]) -> Response:
    """JSON; what goes wrong in one line, with 400 for a question that is none and 503 for what is broken here."""
    try:
        return Response(orjson.dumps(answer()), media_type="application/json")
    except AssayError as error:
        status = 400 if isinstance(error, UsageError) else 503
        return Response(orjson.dumps({"error": one_line(str(error), 500)}), status, media_type="application/json")


def _about(browsed: Browsed, held: Held, request: Request) -> dict[str, Any]:
    return browsed.about


def _rows(browsed: Browsed, held: Held, request: Request) -> dict[str, Any]:
    found = browsed.asked.page(query_of(dict(request.query_params)), browsed.decided())
    return {**found, "made": held.manifest.created}


def _row(browsed: Browsed, held: Held, request: Request) -> dict[str, Any]:
    return told(held, _line(held, request))


def _near(browsed: Browsed, held: Held, request: Request) -> dict[str, Any]:
    row = _line(held, request)
    return {**browsed.near.of(row), "copies": browsed.near.pairs(row)}


def _places(browsed: Browsed, held: Held, request: Request) -> dict[str, Any]:
    return places(held, _line(held, request))


def _line(held: Held, request: Request) -> dict[str, Any]:
    row = request.path_params["row"]
    if row >= held.rows.height:
        raise UsageError(f"{row}: the release has {held.rows.height:,} rows")
    return held.rows.row(row, named=True)


def _deciding(browsed: Browsed) -> Callable[[Request], Any]:
    async def respond(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        body = await _body(request)
        return await run_in_threadpool(_told, lambda: _decide(browsed, browsed.now(), request, body))

    return respond


async def _body(request: Request) -> bytes:
    """As much as a decision needs, and a byte more where there is more."""
    body = b""
    async for piece in request.stream():
        body = (body + piece)[: _MOST_BYTES + 1]
    return body


def _decide(browsed: Browsed, held: Held, request: Request, body: bytes) -> dict[str, Any]:
    asked = _asked(body)
    line = _line(held, request)
    if line["record_id"] is None or asked.get("record_id") != line["record_id"]:
        raise UsageError("the release was made anew since; reload the page")
    subject = hand.subject_of(held.rows.lazy(), held.records, line)
    browsed.forget()
    if asked.get("verdict") == "undo":
        hand.undo(held.release, subject)
    elif asked.get("verdict") in ("restore", "reject"):
        reasons = tuple(str(reason) for reason in asked.get("reasons") or ())
        why, verdict = str(asked.get("why") or ""), Verdict(asked["verdict"])
        hand.decide(held.release, subject, verdict, why=why, by=browsed.by, reasons=reasons)
    else:
        raise UsageError("a verdict is restore, reject or undo")
    return decided(held, subject)


def _asked(body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body) if len(body) <= _MOST_BYTES else None
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise UsageError("no decision that can be read")
    return asked


def _stamp(release: Path) -> tuple[int, int, int] | None:
    try:
        now = (release / MANIFEST).stat()
    except OSError:
        return None
    return now.st_mtime_ns, now.st_size, now.st_ino
