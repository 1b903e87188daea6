"""What the processor can do, as Linux says it."""

from pathlib import Path


def instructions() -> str:
    """The line of /proc/cpuinfo that lists the instructions; empty where there is none, as outside of Linux."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as about:
            return next((line for line in about if line.startswith(("flags", "Features"))), "")
    except OSError:
        return ""


def has(*names: str) -> bool:
    """Whether it has any of these instructions, as Linux names them."""
    return not set(names).isdisjoint(instructions().split())
