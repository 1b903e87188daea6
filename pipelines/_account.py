"""What a deployment's run says of itself: on its own stderr, which the server or worker shows, and in Prefect's log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines._progress import ConsoleReporter, Reporter, report_to, reporter

_log = logging.getLogger("assay.run")


class _RunReporter(ConsoleReporter):
    """For a run that nobody watches: each line is also kept with the run, for Prefect's UI."""

    def line(self, text: str) -> None:
        super().line(text)
        _log.info(text)


@contextmanager
def account(name: str) -> Iterator[None]:
    """Tell of a deployment's run, and in one line why it failed. Of a flow called by hand the caller tells."""
    from prefect.runtime import deployment

    if deployment.id is None or type(reporter()) is not Reporter:
        yield
        return
    report_to(_RunReporter())
    _keep_with_the_run()
    try:
        reporter().line(f"{name:<13} begins")
        yield
        reporter().line(f"{name:<13} done")
    except Exception as error:
        reporter().line(f"{name:<13} failed: {_one_line(error)}")
        raise
    finally:
        report_to(Reporter())


def _keep_with_the_run() -> None:
    from prefect.logging.handlers import APILogHandler

    if not _log.handlers:
        _log.setLevel(logging.INFO)
        _log.propagate = False
        _log.addHandler(APILogHandler())


def _one_line(error: Exception) -> str:
    from schemas.errors import AssayError

    said = " ".join(str(error).split())[:1000] or "no message"
    return said if isinstance(error, AssayError) else f"{type(error).__name__}: {said}"
