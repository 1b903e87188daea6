"""The command for thresholds on one's own data: `assay calibrate`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from pipelines._commands import Json, terminable

if TYPE_CHECKING:
    from pipelines.calibration.course import Draw, Outcome

CONFIG = Path("assay.yaml")


def calibrate(
    release: Annotated[Path, typer.Argument(metavar="DIR", help="A run's folder, as --out named it.")],
    of: Annotated[
        Literal["pairs", "records"],
        typer.Option(help="What is asked about: pairs for min_similarity, records for min_quality."),
    ] = "pairs",
    size: Annotated[int, typer.Option(min=1, help="So many questions.")] = 50,
    precision: Annotated[float, typer.Option(min=0, max=1, help="What the threshold must reach.")] = 0.85,
    config: Annotated[Path, typer.Option(help="Where the threshold is written.")] = CONFIG,
    answers: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Answers made elsewhere, as .csv or .jsonl with id and answer.")
    ] = None,
    write_questions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the questions there, as .html, .csv or .jsonl, and ask none."),
    ] = None,
    choose: Annotated[
        float | None, typer.Option(metavar="T", help="Write this threshold of the curve, whatever is recommended.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Ask nothing; show what the answers so far say.")] = False,
    push: Annotated[
        bool, typer.Option("--push", help="Give the pairs to annotators in Argilla, within the budget, and ask none.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --push: say what it would cost.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write the threshold without asking.")] = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Another draw; without it by the release's seed.")] = None,
    json: Json = False,
) -> None:
    """Choose a threshold by some 50 quick yes or no on your own data, and keep the evidence in assay.yaml."""
    from pipelines.calibration import course
    from pipelines.calibration.elsewhere import write_questions as write
    from pipelines.calibration.lines import QUESTIONS

    setting: Literal["min_similarity", "min_quality"] = "min_similarity" if of == "pairs" else "min_quality"
    drawn = course.draw(release, setting, size=size, seed=seed)
    if write_questions is not None:
        write(drawn.questions(), QUESTIONS[setting], write_questions, drawn.log.path.stem)
        _written(drawn.asked.height, write_questions, json=json)
        return
    if push:
        _push(drawn, config, dry_run=dry_run, json=json)
    if answers is not None:
        _take_in(drawn, answers)
    elif not show:
        _ask(drawn, QUESTIONS[setting])
    outcome = course.concluded(drawn, precision=precision)
    if not json:
        typer.echo("\n".join(course.lines(outcome)))
    written = _write(outcome, config, choose, yes=yes, quiet=json)
    if json:
        import orjson

        told = {**course.figures(outcome), "written": str(config) if written else None}
        typer.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
    raise typer.Exit(0 if outcome.best is not None or written else 1)


def _written(questions: int, path: Path, *, json: bool) -> None:
    if json:
        import orjson

        typer.echo(orjson.dumps({"questions": questions, "file": str(path)}, option=orjson.OPT_INDENT_2).decode())
    else:
        typer.echo(f"written     {questions} questions to {path}; give them back with --answers")


def _push(drawn: "Draw", config: Path, *, dry_run: bool, json: bool) -> NoReturn:
    from pipelines.calibration import people
    from schemas.settings import load_settings

    asked = load_settings(config) if config.exists() else None
    with terminable():
        sent = people.push(drawn, asked, dry_run=dry_run, progress=lambda line: typer.echo(line, err=True))
    if json:
        import orjson

        typer.echo(orjson.dumps(sent.figures, option=orjson.OPT_INDENT_2).decode())
    else:
        typer.echo("\n".join(sent.lines))
    raise typer.Exit(sent.exit_code)


def _take_in(drawn: "Draw", path: Path) -> None:
    from pipelines.calibration.elsewhere import read_answers

    found = read_answers(path, drawn.asked["id"].to_list())
    new = drawn.take_in(found.answers)
    strangers = f"; {len(found.strangers)} are to no question of this draw and were left" if found.strangers else ""
    typer.echo(f"{path}: {len(found.answers)} answers, {new} of them new{strangers}", err=True)


def _ask(drawn: "Draw", question: str) -> None:
    from pipelines.calibration.terminal import ask

    left = [one for one in drawn.questions() if one.id not in drawn.log.answers]
    if not left:
        return
    with terminable():
        done = ask(drawn.questions(), drawn.log, question)
    if not done:
        typer.echo("stopped     every answer is kept; the same command goes on from here", err=True)


def _write(outcome: "Outcome", config: Path, choose: float | None, *, yes: bool, quiet: bool) -> bool:
    """Write what was chosen, if it is wanted; whether it was."""
    from pipelines.calibration import course
    from pipelines.calibration.writing import write_threshold

    if choose is not None:
        point = course.chosen(outcome, choose)
    elif outcome.best is None or course.needless(outcome):
        return False
    else:
        point = outcome.best
    setting = outcome.draw.candidates.of
    if not yes and not _confirmed(f"write {setting} {point.threshold:.2f} to {config}?"):
        if not quiet:
            typer.echo(f"not written: give --yes to write {setting} {point.threshold:.2f} to {config}")
        return False
    write_threshold(config, setting, course.evidence(outcome, point))
    if not quiet:
        typer.echo(f"written     {setting} {point.threshold:.2f} to {config}; the next `assay curate --config` uses it")
    return True


def _confirmed(question: str) -> bool:
    """Asked of a person alone."""
    return sys.stdin.isatty() and sys.stderr.isatty() and typer.confirm(question, err=True)
