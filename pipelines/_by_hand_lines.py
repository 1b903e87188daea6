"""What was decided by hand, as a terminal shows it and as JSON."""

from pathlib import Path
from typing import Any

from pipelines._again import next_command
from pipelines._by_hand import Said
from pipelines._shown import one_line
from schemas.decision import Verdict

_WORDS = {Verdict.RESTORE.value: "restored", Verdict.REJECT.value: "kept out"}


def said_lines(release: Path, said: Said, undone: bool) -> list[str]:
    """What is in force now, and what makes it so in the release."""
    subject, decision = said.subject, said.decision
    word = "taken back" if undone else _WORDS[decision.verdict]
    was = ", ".join([subject.outcome, *subject.reasons])
    lines = [
        f"{word:<12}{subject.record_id}, {one_line(subject.place, 300)}",
        f"{'was':<12}{was}",
        f"{'by':<12}{one_line(decision.decided_by or '')}: {one_line(decision.comment or '', 300)}",
    ]
    if not said.is_new:
        lines.append(f"{'known':<12}the same was said before; nothing is written twice")
    return [*lines, f"{'next':<12}{next_command(release)}"]


def said_figures(said: Said, undone: bool) -> dict[str, Any]:
    """The same for a machine."""
    subject, decision = said.subject, said.decision
    return {
        "record_id": subject.record_id,
        "subject": decision.subject,
        "outcome": subject.outcome,
        "verdict": decision.verdict,
        "by": decision.decided_by,
        "why": decision.comment,
        "undone": undone,
        "new": said.is_new,
    }
