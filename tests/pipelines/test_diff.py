"""What changed between two releases is told: rows, reasons, figures, drift, and whether one setting did it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipelines._compared import attribution
from pipelines.cli import app
from pipelines.diff import diff
from schemas.diff import Attribution, Cause, Diff, Setting
from schemas.errors import ReleaseError
from schemas.settings import Settings

USES = {
    "hammer": "to drive nails into wood",
    "kettle": "to boil water for tea or coffee",
    "ledger": "to write down what was earned and spent",
    "sextant": "to find a ship's place by the stars",
    "trellis": "to hold climbing plants upright",
    "gasket": "to seal the joint between two parts",
}
ROWS = [
    {"instruction": f"Explain what a {one} is for.", "output": f"A {one} is used {use}."} for one, use in USES.items()
]
REFUSAL = {"instruction": "Give me a colour.", "output": "I'm sorry, but I can't help with that request."}
EMPTY = {"instruction": "Say something.", "output": ""}
BROKEN = '{"instruction": "cut sho'
Make = Callable[..., Path]


def assay(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def make(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes a release of rows, each kind once; in a folder of its own, from a source that always has one name."""
    made: dict[str, Path] = {}
    policy = tmp_path_factory.mktemp("policy") / "policy.yaml"
    policy.write_text("name: own\ndemands:\n  - {figure: rows.released, min: 1}\n")
    always = {"policy": str(policy), "score": {"toxicity": "off"}, "split": {"validation": 0.0, "test": 0.0}}

    def release(rows: list[dict[str, str]], *, more: str = BROKEN, **settings: Any) -> Path:
        from pipelines._course import make_release

        name = json.dumps([rows, more, settings])
        if name not in made:
            folder = tmp_path_factory.mktemp("project")
            (folder / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + more + "\n")
            make_release([str(folder / "tasks.jsonl")], folder / "out", Settings.model_validate(always | settings))
            made[name] = folder / "out"
        return made[name]

    return release


@pytest.fixture
def before(make: Make) -> Path:
    return make([*ROWS, REFUSAL, EMPTY])


def places(found: Diff) -> dict[str, tuple[str, str | None, str | None]]:
    """What happened to each row that changed, by its line."""
    return {str(row.source_row): (row.how, row.outcome_before, row.outcome) for row in found.rows_changed}


def test_a_release_does_not_differ_from_itself(before: Path) -> None:
    found = diff(before, before)
    assert (found.rows.same, found.rows.changed, found.rows_changed) == (9, 0, [])
    assert (found.settings, found.causes, found.reasons) == ([], [], [])
    assert found.rows.outcomes["unreadable"] == {"unreadable": 1}
    assert {drift.value for drift in found.drift} <= {0.0, None}
    assert all(figure.change in (0, None) for figure in found.figures)
    assert "none has another outcome" in assay("diff", before, before).stdout


def test_one_setting_that_differs_is_what_did_it(make: Make, before: Path) -> None:
    # What is written of the released rows changes none of them.
    after = make(
        [*ROWS, REFUSAL, EMPTY],
        validation={"severities": {"refusal.full": "note"}},
        export={"formats": ["openai"]},
    )
    found = diff(before, after)
    assert [(one.key, one.before, one.after) for one in found.settings] == [
        ("validation.severities.refusal.full", None, "note"),
        ("export.formats", ["trl"], ["openai"]),
    ]
    assert found.causes == []
    assert found.attribution.setting == "validation.severities.refusal.full"
    assert places(found) == {"7": ("same", "review", "train")}
    (row,) = found.rows_changed
    assert (row.reasons_before, row.reasons) == (["refusal.full"], [])
    assert found.rows.outcomes["review"] == {"train": 1}
    told = {each.kind: each for each in found.reasons if each.reason == "refusal.full"}
    assert (told["reason"].before, told["reason"].after, told["reason"].went) == (1, 0, 1)
    assert (told["note"].before, told["note"].after, told["note"].appeared) == (0, 1, 1)
    released = next(each for each in found.figures if each.figure == "rows.released")
    assert (released.before, released.after, released.change) == (6, 7, 1)


def test_edits_additions_and_shifts_are_told_apart(make: Make, before: Path) -> None:
    edited = {**ROWS[2], "output": "Nobody needs one of these any more, I am told."}
    added = {"instruction": "What is a fjord?", "output": "A narrow arm of the sea between cliffs."}
    found = diff(before, make([added, *ROWS[:2], edited, ROWS[4], ROWS[3], *ROWS[5:], EMPTY]))
    rows = found.rows
    assert (rows.added, rows.edited, rows.removed, rows.reordered) == (1, 1, 1, 1)
    assert rows.same + rows.shifted + rows.reordered + rows.edited + rows.removed == found.before.rows == 9
    changed = {row.how: row for row in found.rows_changed}
    assert (changed["edited"].source_row, changed["edited"].source_row_before) == (4, 3)
    assert (changed["added"].source_row, changed["added"].outcome_before) == (1, None)
    assert (changed["removed"].source_row, changed["removed"].outcome_before) == (7, "review")
    assert rows.removed_outcomes == {"review": 1}
    (cause,) = found.causes
    assert cause.what.startswith("source ")
    assert cause.what.endswith("tasks.jsonl")


SEED = Setting(key="seed", before=1, after=2)
TESTS = Setting(key="split.test", before=0.1, after=0.2)
FORMATS = Setting(key="export.formats", before=["trl"], after=["openai"])
CODE = Cause(what="code", before="aaa", after="bbb")


@pytest.mark.parametrize(
    ("changed", "settings", "causes", "setting", "why"),
    [
        (0, [SEED], [], None, "no row that is in both has another outcome or other reasons"),
        (3, [SEED, FORMATS], [], "seed", "nothing else differs that rows follow from"),
        (3, [SEED, TESTS], [], None, "2 settings differ (seed, split.test); change one at a time"),
        (3, [SEED], [CODE], None, "beside seed there differs code; change one at a time"),
        (3, [FORMATS], [CODE], None, "no setting differs that rows follow from, but code"),
        (3, [], [], None, "nothing differs that the manifests record"),
    ],
)
def test_only_what_differs_alone_is_blamed(
    changed: int, settings: list[Setting], causes: list[Cause], setting: str | None, why: str
) -> None:
    assert attribution(changed, settings, causes) == Attribution(setting=setting, why=why)


def test_a_person_gets_a_screen_and_what_matters_first(make: Make, before: Path) -> None:
    after = make([*ROWS, REFUSAL, EMPTY], validation={"severities": {"refusal.full": "note"}})
    result = assay("diff", before, after, "--rows")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("releases ")
    assert lines[1] == "gate        PASSED in both"
    assert "settings    validation.severities.refusal.full not set → note" in lines
    assert "because     validation.severities.refusal.full: nothing else differs that rows follow from" in lines
    assert "outcomes    1 review → train" in lines
    assert lines[-1].endswith("tasks.jsonl:7  same  review [refusal.full] → train")
    assert len(lines) <= 24


def test_the_json_holds_everything(make: Make, before: Path) -> None:
    after = make([*ROWS, REFUSAL, EMPTY], validation={"severities": {"refusal.full": "note"}})
    result = assay("diff", before, after, "--json")
    assert Diff.model_validate_json(result.stdout) == diff(before, after)


def test_a_gate_that_fails_now_is_said_first(make: Make, before: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("name: strict\ndemands:\n  - {figure: rows.released, min: 7}\n")
    after = make([*ROWS, REFUSAL, EMPTY], policy=str(policy))
    found = diff(before, after)
    (demand,) = [each for each in found.gate.demands if each.figure == "rows.released" and each.required_after]
    assert (demand.before, demand.after, demand.passed_after) == (6, 6, False)
    lines = assay("diff", before, after).stdout.splitlines()
    assert lines[1] == "gate        PASSED → FAILED"
    assert "rows.released 6 → 6, must be at least 7: " in lines[2]
    assert lines[2].endswith("→ NOT met")


def test_what_a_row_says_does_not_steer_the_terminal(make: Make, before: Path) -> None:
    found = diff(before, before).model_copy(update={"rows_changed": []})
    from pipelines._diff_lines import diff_lines, row_lines
    from schemas.diff import ChangedRow

    hostile = "a\x1b[31m\u202e\n.jsonl"
    row = ChangedRow(
        how="edited", source=hostile, source_row=1, part=0, source_before=hostile, source_row_before=2,
        record_id_before=None, record_id=None, outcome_before="train", outcome="test", reasons_before=[hostile],
        reasons=[],
    )  # fmt: skip
    found.before.path = hostile
    text = "\n".join([*diff_lines(found), *row_lines([row])])
    assert not set(text) & {"\x1b", "\u202e"}
    assert len(next(row_lines([row])).splitlines()) == 1


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda out: (out / "ledger.parquet").unlink(), "ledger.parquet: is missing from the release"),
        (lambda out: (out / "report.json").write_text("{}"), "report.json: was altered after the release was made"),
        (lambda out: (out / "splits" / "more.jsonl").touch(), "more.jsonl: was added after the release was made"),
        (lambda out: (out / "manifest.json").unlink(), "has no manifest.json, so no run finished here"),
        (lambda out: shutil.rmtree(out), "is not a folder"),
    ],
)
def test_what_was_touched_is_not_compared(
    before: Path, tmp_path: Path, harm: Callable[[Path], object], words: str
) -> None:
    after = Path(shutil.copytree(before, tmp_path / "out"))
    harm(after)
    for sides in ((before, after), (after, before)):
        result = assay("diff", *sides)
        assert result.exit_code == 2
        assert words in result.stderr
        assert result.stderr.count("\n") == 1
        with pytest.raises(ReleaseError):
            diff(*sides)


def test_a_release_whose_sources_are_gone_is_still_compared(make: Make, tmp_path: Path) -> None:
    release = make([*ROWS, EMPTY])
    alone = Path(shutil.copytree(release, tmp_path / "out"))
    (release.parent / "tasks.jsonl").rename(tmp_path / "elsewhere.jsonl")
    try:
        assert diff(alone, release).rows.same == 8
    finally:
        (tmp_path / "elsewhere.jsonl").rename(release.parent / "tasks.jsonl")
