"""The server's process: makes this folder the package `embedded`, of which it then sees nothing but itself.

Run by the Argilla environment's python with -I, so that neither the caller's packages nor Assay's other ones
are on its path.
"""

import importlib
import importlib.util
import sys
from pathlib import Path

NAME = "embedded"


def load() -> None:
    """Register this folder under its own name, wherever it lies."""
    folder = Path(__file__).resolve().parent
    spec = importlib.util.spec_from_file_location(
        NAME, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    load()
    sys.exit(importlib.import_module(f"{NAME}.bootstrap").main(sys.argv[1:]))
