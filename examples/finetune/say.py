"""What a person reads while a training runs."""

import sys


def say(title: str, text: str) -> None:
    """On stderr: stdout holds the result alone."""
    print(f"{title:<11} {text}", file=sys.stderr, flush=True)
