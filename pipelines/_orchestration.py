"""Prefect's settings, made before Prefect is imported. What the user has set in the environment stays."""

import os

_DEFAULTS = {
    # Nothing is reported home: neither the server's heartbeat nor the client's events.
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # A cold start of the ephemeral server was seen to take longer than the default of 20 s.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_LOGGING_LEVEL": "WARNING",
}

for _name, _value in _DEFAULTS.items():
    os.environ.setdefault(_name, _value)
