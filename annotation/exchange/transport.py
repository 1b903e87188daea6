"""Requests to the Argilla server: tried again where a moment may mend it, told in one line where not."""

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from schemas.errors import AnnotationError

Result = TypeVar("Result")

# Seconds between tries, 15.5 in all: a server that is restarted by hand or by compose is back in about that time.
DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)
# A server that was never reached is more likely misspelt than busy.
FIRST_DELAYS = (0.5,)
# Longer than this a server's Retry-After is not obeyed (seconds).
LONGEST_WAIT = 30.0
PASSING = {429, 502, 503, 504}
DETAIL_CHARACTERS = 300


class Refusal(AnnotationError):
    """The server understood the request and said no; `status` is HTTP's, `detail` what it said."""

    def __init__(self, message: str, status: int, detail: str) -> None:
        super().__init__(message)
        self.status, self.detail = status, detail


class Exists(Refusal):
    """What was to be made is there already, which is all that was wanted."""


class _Passing(Exception):
    """An answer that may be another one in a moment."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class Transport:
    """Calls of the server's REST interface. Every call may be repeated, so each must be safe to repeat."""

    def __init__(self, url: str, api_key: str, timeout: float) -> None:
        """Nothing is sent yet. `timeout` is in seconds, of each try."""
        self.url = shown(url)
        try:
            self._http = httpx.Client(base_url=url, headers={"X-Argilla-Api-Key": api_key}, timeout=timeout)
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            raise self._unusable(error) from error

    def first(self, path: str) -> dict[str, Any]:
        """A question that every Argilla server answers, asked of one that may be none."""
        try:
            answer = self.persist(lambda: self._sent("GET", path, {}), FIRST_DELAYS)[0]
        except Refusal as refusal:
            raise self.foreign(f"/api/v1/{path} answers {refusal.status}") from refusal
        if not isinstance(answer, dict):
            raise self.foreign(f"/api/v1/{path} answers {answer!r:.60}")
        return answer

    def close(self) -> None:
        self._http.close()

    def call(self, method: str, path: str, *, params: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        """What the server answers, parsed; null where it answers nothing.

        `body` is sent as JSON; bytes are sent as they are. Raises Refusal where the server says no, and
        AnnotationError where it cannot be reached, refuses the key or role, or is no Argilla server.
        """
        return self.sized(method, path, params=params, body=body)[0]

    def items(self, path: str, **params: str) -> list[dict[str, Any]]:
        """Everything of a list that the server gives whole."""
        return list(self.call("GET", path, params=params)["items"])

    def make(self, path: str, body: dict[str, Any]) -> None:
        """Makes something. Raises Exists where it is there: a repeated request finds what the first one made."""
        try:
            self.call("POST", path, body=body)
        except Refusal as refusal:
            if refusal.status == HTTPStatus.CONFLICT:
                raise Exists(str(refusal), refusal.status, refusal.detail) from refusal
            raise

    def sized(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, body: Any = None
    ) -> tuple[Any, int]:
        """As `call`, with the answer's length in bytes."""
        given: dict[str, Any] = {"params": params}
        if isinstance(body, bytes):
            given |= {"content": body, "headers": {"Content-Type": "application/json"}}
        elif body is not None:
            given |= {"json": body}
        return self.persist(lambda: self._sent(method, path, given))

    def _sent(self, method: str, path: str, given: dict[str, Any]) -> tuple[Any, int]:
        response = self._http.request(method, f"/api/v1/{path}", **given)
        return self._read(response), len(response.content)

    def persist(self, action: Callable[[], Result], delays: tuple[float, ...] = DELAYS) -> Result:
        """The action's result, tried once more after each of `delays` (seconds) while it fails in passing."""
        for number, delay in enumerate((*delays, None)):
            try:
                return action()
            except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL, UnicodeError) as error:
                raise self._unusable(error) from error
            except httpx.TransportError as error:
                if delay is None:
                    raise self._unreachable(error) from error
                time.sleep(delay)
            except _Passing as error:
                # Twice the same internal error is the request's fault, not the moment's.
                if delay is None or (error.response.status_code == HTTPStatus.INTERNAL_SERVER_ERROR and number):
                    raise self._refused(error.response) from error
                time.sleep(_told_to_wait(error.response) or delay)
        raise AssertionError("the last try returns or raises")

    def _read(self, response: httpx.Response) -> Any:
        status = response.status_code
        if status in PASSING or status == HTTPStatus.INTERNAL_SERVER_ERROR:
            raise _Passing(response)
        if not response.is_success:
            raise self._refused(response)
        if status == HTTPStatus.NO_CONTENT:
            return None
        try:
            return response.json()
        except ValueError as error:
            raise self.foreign(f"answered {_one_line(response.text)!r}") from error

    def foreign(self, said: str) -> AnnotationError:
        return AnnotationError(f"{self.url}: is no Argilla server ({said}); correct ARGILLA_API_URL")

    def _refused(self, response: httpx.Response) -> AnnotationError:
        return self.refusal(response.status_code, told(response))

    def refusal(self, status: int, detail: str) -> AnnotationError:
        """The error for an answer of this status: Refusal unless it is about who asks, or of whom."""
        if status == HTTPStatus.UNAUTHORIZED:
            return AnnotationError(
                f"{self.url}: refuses the API key; set ARGILLA_API_KEY to the key of one of its owners or admins"
            )
        if status == HTTPStatus.FORBIDDEN:
            return AnnotationError(f"{self.url}: does not allow this ({detail}); use the API key of an owner")
        if 300 <= status < 400:
            return self.foreign(f"answers {status}, a redirection")
        return Refusal(f"{self.url}: answers {status} ({detail})", status, detail)

    def _unreachable(self, error: httpx.TransportError) -> AnnotationError:
        if isinstance(error, httpx.TimeoutException):
            return AnnotationError(
                f"{self.url}: did not answer in time ({type(error).__name__}); see whether it is overloaded, and run"
                " this again: what is done is not done twice"
            )
        why = _one_line(str(error)) or type(error).__name__
        return AnnotationError(
            f"{self.url}: cannot be reached ({why}); start it with `assay annotate serve`, or correct ARGILLA_API_URL"
        )

    def _unusable(self, error: Exception) -> AnnotationError:
        # What the library says may hold the key, so only its kind is told.
        return AnnotationError(
            f"{self.url}: the address or the API key cannot be sent ({type(error).__name__});"
            " correct ARGILLA_API_URL and ARGILLA_API_KEY"
        )


def told(response: httpx.Response) -> str:
    """What the server says is wrong, in one line."""
    try:
        detail = response.json().get("detail")
    except (ValueError, AttributeError):
        return _one_line(response.text)
    if isinstance(detail, dict):
        detail = detail.get("params", {}).get("errors") or detail.get("params") or detail
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        first = detail[0]
        where = ".".join(str(step) for step in first.get("loc", ()) if step != "body")
        detail = f"{where}: {first.get('msg')}"
    return _one_line(str(detail))


def shown(url: str) -> str:
    """The address without a name and password that may stand in it."""
    try:
        host = urlsplit(url).hostname
        return url if "@" not in url else f"{urlsplit(url).scheme}://{host}"
    except ValueError:
        return url


def _told_to_wait(response: httpx.Response) -> float | None:
    said = response.headers.get("Retry-After", "")
    return min(float(said), LONGEST_WAIT) if said.isdigit() else None


def _one_line(text: str) -> str:
    return " ".join(text.split())[:DETAIL_CHARACTERS]
