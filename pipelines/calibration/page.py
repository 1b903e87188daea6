"""The questions as a page: one file without a server or a network, whose answers are saved as a file."""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256

from pipelines._shown import visible
from pipelines._templates import TEMPLATES, environment
from pipelines.calibration.candidates import Question


def as_page(questions: Sequence[Question], ask: str, draw: str) -> str:
    """The page. `draw` names what a browser keeps of answers that are not saved yet.

    Only its own script runs, and it may load nothing; what the questions hold is shown as text.
    """
    from markupsafe import Markup

    page = environment(autoescape=True)
    page.filters["visible"] = visible
    script = (TEMPLATES / "questions.js").read_text(encoding="utf-8")
    digest = b64encode(sha256(script.encode()).digest()).decode()
    return page.get_template("questions.html.j2").render(
        questions=questions, ask=ask, draw=draw, script=Markup(script), digest=digest
    )
