"""Argilla's application, changed and wrapped: shims, jobs, patches, search engine, UI, headers, logins, whole text."""

import os
from pathlib import Path
from typing import Any

from . import headers, jobs, patches, rate_limit, shims, statics, whole_text


def prepare() -> None:
    """What must happen before argilla_server is imported, and what must before its application is."""
    shims.apply()
    if "ARGILLA_REDIS_URL" not in os.environ:
        jobs.use_memory()
    patches.apply()
    from . import engine  # noqa: F401  (registers itself)


def build() -> Any:
    """The application to serve. Needs `prepare`, and a database in the newest schema."""
    from argilla_server._app import app
    from argilla_server.contexts import accounts

    accounts.authenticate_user = rate_limit.guarded(accounts.authenticate_user, rate_limit.Limiter())
    jobs.work()
    folder = _static_folder(app)
    statics.rewrite(folder)
    return headers.SecurityHeaders(rate_limit.with_address(whole_text.only(app)), headers.policy(folder))


def _static_folder(app: Any) -> Path:
    mounted = next(route for route in app.routes if getattr(route, "name", None) == "static")
    return Path(mounted.app.directory)
