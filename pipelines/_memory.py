"""What this process holds."""

import ctypes
import resource
import sys


def peak_memory_mb() -> float:
    """The most that this process has held so far, in MiB."""
    # Linux counts in KiB.
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def give_back() -> None:
    """Hand to the system what was let go of.

    The C library keeps what lies between things that are still held, and Arrow a pool of its own, each for whoever asks
    next; what follows asks elsewhere. Of 200,000 rows dedup leaves 0.35 of 1.2 GiB that way, scores 0.26 of 1.6.
    """
    if arrow := sys.modules.get("pyarrow"):
        arrow.default_memory_pool().release_unused()
    # glibc's own; other C libraries have no such call.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
