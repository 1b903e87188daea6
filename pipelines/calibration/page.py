"""The questions as a page: one file without a server or a network, whose answers are saved as a file."""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from pipelines._shown import visible
from pipelines.calibration.candidates import Question

TEMPLATES = Path(__file__).parents[1] / "templates"


def as_page(questions: Sequence[Question], ask: str, draw: str) -> str:
    """The page. `draw` names what a browser keeps of answers that are not saved yet.

    Only its own script runs, and it may load nothing; what the questions hold is shown as text.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["visible"] = visible
    script = (TEMPLATES / "questions.js").read_text(encoding="utf-8")
    digest = b64encode(sha256(script.encode()).digest()).decode()
    return environment.get_template("questions.html.j2").render(
        questions=questions, ask=ask, draw=draw, script=Markup(script), digest=digest
    )
