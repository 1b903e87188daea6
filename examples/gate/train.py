"""A training script whose first line asks the gate: python train.py RELEASE [POLICY]."""

import sys

from pipelines.gate import require
from schemas.errors import AssayError


def main(release: str, policy: str | None = None) -> None:
    """Train, if the release passes."""
    verdict = require(release, policy)
    print(f"the gate passed by the policy {verdict.policy}; training on {release}/splits/train.jsonl")
    # From here on: load the model, ask for the GPU, train.


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except AssayError as error:
        print(f"not trained: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
