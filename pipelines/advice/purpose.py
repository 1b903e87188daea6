"""Finetune, retrieve, prompt or collect more: decided by what the answers need, and told with rows that show it"""

import polars as pl

from pipelines._shown import plural
from pipelines.advice.evidence import rows_that_show
from pipelines.advice.intervals import share_of
from pipelines.advice.needs import FORM, LOOKED_UP, Need
from schemas.advice import Confidence, EvidenceRow, Purpose, Share, Verdict

# Below it a prompt holds the examples themselves: a window of 32,000 tokens takes about a hundred of usual length.
FEW = 100
# More than half of the answers decides; how far beyond it, says how surely.
HALF = 0.5
SURE, FAIRLY_SURE = 0.2, 0.1
# Of one kind nearly all, and little variety: a description of the format does what examples would.
ONE_KIND = 0.95

_SHOWS = {
    Need.LIVE: "what is asked for changes by the day or the place",
    Need.FACTS: "names or numbers that the prompt does not have",
    Need.STRUCTURE: "an answer in a format",
    Need.GIVEN: "worked out of what the prompt brings along",
    Need.REASONING: "worked out from the prompt's numbers",
    Need.STYLE: "something written",
    Need.GENERAL: "names little that is not common knowledge",
}
# How often the rules agree with data whose kind is known: docs/advise.md.
AGREEMENT = "the rules agree with people's own categories in about four of five rows"


def purpose(records: pl.DataFrame, *, of: int = 0) -> Purpose | None:
    """`records` with needs (pipelines.advice.needs), and where they are from; null where none can be judged.

    They are drawn from `of`, where those are more.
    """
    judged = records.filter(pl.col("need").is_not_null())
    if judged.is_empty():
        return None
    counts = dict(judged["need"].value_counts().iter_rows())
    needs = {need.value: share_of(counts.get(need.value, 0), judged.height) for need in Need}
    looked_up, form = (
        share_of(sum(counts.get(need, 0) for need in kinds), judged.height) for kinds in (LOOKED_UP, FORM)
    )
    verdict, says = _verdict(judged.height, looked_up, form, needs)
    drawn = f" drawn of {of:,}" if of > records.height else ""
    sure, because = _confidence(verdict, f"{plural(judged.height, 'record')}{drawn}", looked_up, form)
    return Purpose(
        verdict=verdict, says=says, why=_why(needs, looked_up, form), confidence=sure, confidence_because=because,
        judged=judged.height, needs=needs, looked_up=looked_up, form=form, evidence=_evidence(judged, counts),
    )  # fmt: skip


def _verdict(rows: int, looked_up: Share, form: Share, needs: dict[str, Share]) -> tuple[Verdict, str]:
    if looked_up.share >= HALF:
        return "retrieve", (
            f"{looked_up.share:.0%} of the answers carry facts that are absent from their prompt: retrieval first. "
            "Finetuning on them teaches a model to sound sure of what it does not know"
        )
    most = max(needs, key=lambda need: needs[need].rows)
    if rows < FEW:
        return "collect", (
            f"{plural(rows, 'record')} fit a prompt: put the best of them there as examples, and collect more "
            f"before anything is trained"
        )
    if needs[most].share >= ONE_KIND and most in (Need.STRUCTURE, Need.GENERAL) and rows < 10 * FEW:
        return "prompt", f"{needs[most].share:.0%} are of one kind ({most}): describe it in a prompt first, and measure"
    if form.share >= HALF and looked_up.share >= HALF / 2:
        return "both", (
            f"{form.share:.0%} teach a form, which finetuning is for, and {looked_up.share:.0%} need facts that the "
            "prompt does not have: finetune on the first, and bring the facts into the prompts of the others"
        )
    if form.share >= HALF:
        return (
            "finetune",
            f"{form.share:.0%} of the answers teach a form, a task or a structure: finetuning is for that",
        )
    if form.share + looked_up.share >= HALF and form.share >= looked_up.share:
        return "finetune", (
            f"{form.share:.0%} teach a form and {looked_up.share:.0%} carry absent facts; the rest is general, where "
            "finetuning changes the tone and no knowledge"
        )
    return "prompt", (
        f"{needs[Need.GENERAL].share:.0%} of the answers say what an instruction-tuned model says already: try a "
        "prompt first; finetuning changes the tone and no knowledge"
    )


def _confidence(verdict: str, judged: str, looked_up: Share, form: Share) -> tuple[Confidence, str]:
    share = looked_up if verdict == "retrieve" else form
    beyond = min(abs(share.low - HALF), abs(share.high - HALF)) if not share.low < HALF < share.high else 0.0
    because = f"{share.low:.0%} to {share.high:.0%} by {judged} (95 %); {AGREEMENT}"
    return ("high" if beyond >= SURE else "medium" if beyond >= FAIRLY_SURE else "low"), because


def _why(needs: dict[str, Share], looked_up: Share, form: Share) -> list[str]:
    named = sorted((need for need in needs if needs[need].rows), key=lambda need: -needs[need].rows)
    return [
        f"{looked_up.share:.0%} need what finetuning does not bring (facts, live data), {form.share:.0%} teach a form",
        ", ".join(f"{need} {needs[need].share:.0%}" for need in named),
    ]


def _evidence(judged: pl.DataFrame, counts: dict[str, int]) -> list[EvidenceRow]:
    """Two rows of each kind, the most frequent kinds first."""
    kinds = sorted((Need(need) for need in counts), key=lambda need: (-counts[need], need))
    found: list[list[EvidenceRow]] = []
    for need in kinds:
        of_kind = judged.filter(pl.col("need") == need.value)
        if need == Need.FACTS:
            of_kind = of_kind.filter(pl.col("absent").list.len() > 0)
        shown = rows_that_show(of_kind, 2, _SHOWS[need])
        found.append([_with_facts(row, of_kind) for row in shown] if need == Need.FACTS else shown)
    # One of each first.
    return [rows[at] for at in range(2) for rows in found if len(rows) > at]


def _with_facts(row: EvidenceRow, records: pl.DataFrame) -> EvidenceRow:
    absent = records.filter(pl.col("record_id") == row.record_id)["absent"][0].to_list()
    return row.model_copy(update={"shows": f"{row.shows}: {', '.join(absent[:3])}"})
