"""What is made through Argilla's SDK: the only file that imports it."""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from functools import cached_property
from http import HTTPStatus
from typing import Any

import httpx

from annotation.asking.questions import DatasetSpec, FieldSpec, QuestionSpec
from annotation.exchange.transport import Exists, Transport
from schemas.errors import AnnotationError


class Sdk:
    """Argilla's SDK, kept quiet. Each method raises Exists where there is one of that name."""

    def __init__(self, transport: Transport, url: str, api_key: str, timeout: float) -> None:
        self._transport, self._url, self._key, self._timeout = transport, url, api_key, timeout

    def make_workspace(self, name: str) -> None:
        """An empty workspace."""
        self._persist(lambda sdk, connection: sdk.Workspace(name=name, client=connection).create())

    def make_user(self, username: str, password: str, role: str) -> None:
        """An account in no workspace."""
        self._persist(
            lambda sdk, connection: sdk.User(
                username=username, password=password, role=role, client=connection
            ).create()
        )

    def make_dataset(self, workspace: str, name: str, spec: DatasetSpec) -> None:
        """A published dataset without records, filters and vectors.

        To the SDK a filter must not be called like a question; to the server it may, and is added there.
        """
        self._persist(lambda sdk, connection: _dataset(sdk, connection, workspace, name, spec).create())

    def close(self) -> None:
        if "_connection" in self.__dict__:
            self._connection.http_client.close()

    def _persist(self, action: Callable[[Any, Any], object]) -> None:
        with _quiet():
            import argilla

            connection = self._connection
            self._transport.persist(lambda: self._once(lambda: action(argilla, connection)))

    @cached_property
    def _connection(self) -> Any:
        import argilla

        given: dict[str, Any] = {"api_url": self._url, "api_key": self._key, "timeout": int(self._timeout)}
        return self._transport.persist(lambda: self._once(lambda: argilla.Argilla(**given, retries=0)))

    def _once(self, action: Callable[[], object]) -> Any:
        from argilla._exceptions import ArgillaAPIError, ArgillaError

        try:
            return action()
        except (ArgillaError, httpx.TransportError) as error:
            # The SDK wraps whatever stops it from publishing.
            cause = error.__cause__ if isinstance(error.__cause__, ArgillaError | httpx.TransportError) else error
            if isinstance(cause, httpx.TransportError):
                raise cause from error
            if isinstance(cause, ArgillaAPIError):
                raise self._refused(cause) from error
            raise AnnotationError(f"{self._transport.url}: {' '.join(str(cause).split())[:300]}") from error

    def _refused(self, error: Any) -> AnnotationError:
        detail = " ".join(str(error).split())[:300]
        if error.status_code == HTTPStatus.CONFLICT:
            return Exists(detail, error.status_code, detail)
        return self._transport.refusal(error.status_code, detail)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the SDK's deprecation warnings, prints and logging set-up to itself."""
    handlers = list(logging.root.handlers)
    logger = logging.getLogger("argilla.sdk")
    level = logger.level
    try:
        logger.setLevel(logging.CRITICAL + 1)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        # Logging anything before logging is set up sets it up, which is the program's business.
        logging.root.handlers[:] = handlers
        logger.setLevel(level)


def _dataset(sdk: Any, connection: Any, workspace: str, name: str, spec: DatasetSpec) -> Any:
    settings = sdk.Settings(
        guidelines=spec.guidelines or None,  # the server wants a character, or none
        fields=[_field(sdk, connection, field) for field in spec.fields],
        questions=[_question(sdk, connection, question) for question in spec.questions],
        distribution=sdk.TaskDistribution(min_submitted=spec.min_submitted),
    )
    return sdk.Dataset(name=name, workspace=workspace, settings=settings, client=connection)


def _field(sdk: Any, connection: Any, field: FieldSpec) -> Any:
    # Only markdown is sanitised: the page runs what stands in a plain field.
    given: dict[str, Any] = {"title": field.title, "required": field.required, "use_markdown": True}
    if field.type == "chat":
        return sdk.ChatField(field.name, _client=connection, **given)
    return sdk.TextField(field.name, client=connection, **given)


def _question(sdk: Any, connection: Any, question: QuestionSpec) -> Any:
    given: dict[str, Any] = {
        "name": question.name,
        "title": question.title,
        "description": question.description,
        "required": question.required,
        "client": connection,
    }
    match question.type:
        case "label":
            return sdk.LabelQuestion(labels=question.options, **given)
        case "multi_label":
            return sdk.MultiLabelQuestion(labels=question.options, **given)
        case "rating":
            return sdk.RatingQuestion(values=[int(value) for value in question.options], **given)
        case "ranking":
            return sdk.RankingQuestion(values=question.options, **given)
        case "text":
            return sdk.TextQuestion(**given)
