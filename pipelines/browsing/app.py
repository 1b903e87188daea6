"""The page's server: what it answers, and what it writes: decisions, answers to a calibration, a threshold."""

import html
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from checks.catalogue import all_checks
from pipelines import _by_hand as hand
from pipelines._people import decisions_of
from pipelines.browsing.about import about
from pipelines.browsing.answering import answering, taking
from pipelines.browsing.asked import Asked, query_of
from pipelines.browsing.calibrating import Calibrating, Wanted, wanted
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


def app_of(held: Held, *, by: str, config: Path, port: int, keys: Keys) -> Guard:
    """The application, guarded. Decisions are `by`; a calibrated threshold is written to `config`."""
    browsed = Browsed(held, by)
    routes = [
        Route("/", lambda request: _page(keys), methods=["GET"]),
        Route("/static/{name:path}", _static, methods=["GET"]),
        Route("/api/about", _of(browsed, _about), methods=["GET"]),
        Route("/api/rows", _of(browsed, _rows), methods=["GET"]),
        Route("/api/rows/{row:int}", _of(browsed, _row), methods=["GET"]),
        Route("/api/rows/{row:int}/near", _of(browsed, _near), methods=["GET"]),
        Route("/api/rows/{row:int}/places", _of(browsed, _places), methods=["GET"]),
        Route(
            "/api/rows/{row:int}/decide",
            taking(lambda request, said: _decide(browsed, browsed.now(), request, said), "decision"),
            methods=["POST"],
        ),
        *_calibration(Calibrating(held.release, config)),
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


def _of(browsed: Browsed, answer: Callable[[Browsed, Held, Request], Any]) -> Callable[[Request], Any]:
    """An endpoint that answers of the release as it is now."""
    return answering(lambda request: answer(browsed, browsed.now(), request))


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


def _decide(browsed: Browsed, held: Held, request: Request, asked: dict[str, Any]) -> dict[str, Any]:
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


def _calibration(calibrating: Calibrating) -> list[Route]:
    """Thresholds: its questions and answers are about the release's own files, read when first asked for."""
    by = calibrating

    def wants(request: Request) -> Wanted:
        return wanted(dict(request.query_params))

    def post(path: str, answer: Callable[[Wanted, dict[str, Any]], Any], what: str) -> Route:
        return Route(path, taking(lambda _, said: answer(wanted(said), said), what), methods=["POST"])

    return [
        Route("/api/calibrate", answering(lambda request: by.questions(wants(request))), methods=["GET"]),
        Route("/api/calibrate/curve", answering(lambda request: by.curve(wants(request))), methods=["GET"]),
        post("/api/calibrate/answer", lambda draw, said: by.answer(draw, said.get("id"), said.get("answer")), "answer"),
        post("/api/calibrate/write", lambda draw, said: by.write(draw, said.get("threshold")), "threshold"),
    ]


def _stamp(release: Path) -> tuple[int, int, int] | None:
    try:
        now = (release / MANIFEST).stat()
    except OSError:
        return None
    return now.st_mtime_ns, now.st_size, now.st_ino
