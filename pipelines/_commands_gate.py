"""`assay gate`: the verdict on a release, shown, written, signed and confirmed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipelines._commands import Json
from schemas.errors import AssayError, UsageError

if TYPE_CHECKING:
    from pipelines._gate_formats import Answer
    from schemas.report import Verdict

Format = Literal["text", "json", "junit", "sarif", "github"]


def gate(
    release: Annotated[Path | None, typer.Argument(metavar="DIR", help="A run's folder, as --out named it.")] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            help="Judge by this policy instead of the release's own: a file, or strict, sft, preference, smoke."
        ),
    ] = None,
    form: Annotated[
        Format, typer.Option("--format", metavar="text|json|junit|sarif|github", help="How the result is printed.")
    ] = "text",
    output: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Write it too: FILE.json the verdict, FILE.xml JUnit, FILE.sarif; may be repeated."
        ),
    ] = None,
    sign: Annotated[
        Path | None, typer.Option(metavar="KEY", help="Sign the verdict that is written, with a minisign secret key.")
    ] = None,
    verify: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Confirm a verdict that was written, instead of judging anew.")
    ] = None,
    public_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="With --verify: the minisign key that must have signed it.")
    ] = None,
    show: Annotated[
        str | None, typer.Option(metavar="NAME", help="Print a ready policy, or `schema`: the JSON Schema of policies.")
    ] = None,
    json: Json = False,
) -> None:
    """May a training job start on DIR? Exit 0: yes, 1: no, 2: it cannot be judged."""
    if show is not None:
        typer.echo(_shown(show), nl=False)
        return
    release = _called_well(release, output or [], sign, verify, public_key)
    form = "json" if json else form
    try:
        verdict = _verdict(release, policy, verify, public_key, bound=form == "json" or bool(output))
    except AssayError as error:
        _write(error, release, output or [], None)
        if form not in ("text", "json"):
            typer.echo(_rendered(form, error, release), nl=False)
        raise
    _write(verdict, release, output or [], sign)
    typer.echo(_rendered(form, verdict, release), nl=False)
    if form == "text" and verify is not None:
        _tell_libraries(verdict)
    raise typer.Exit(0 if verdict.passed else 1)


def _called_well(
    release: Path | None, output: list[Path], sign: Path | None, verify: Path | None, public_key: str | None
) -> Path:
    """The release, where the flags make sense together. Raises UsageError."""
    from pipelines._gate_formats import SUFFIXES

    if release is None:
        raise UsageError("missing argument DIR: name the release, or --show a policy; see `assay gate --help`")
    for path in output:
        if path.suffix not in (".json", *SUFFIXES):
            raise UsageError(f"--output {path}: must end in .json, .xml or .sarif, which says what is written")
        if release.resolve() in path.resolve().parents:
            raise UsageError(f"--output {path}: lies in the release, which may not change; write it elsewhere")
    if sign is not None and not any(path.suffix == ".json" for path in output):
        raise UsageError("--sign: needs --output FILE.json, the verdict that is signed")
    if public_key is not None and verify is None:
        raise UsageError("--public-key: needs --verify FILE, the verdict that was signed")
    return release


def _verdict(release: Path, policy: Path | None, verify: Path | None, key: str | None, *, bound: bool) -> "Verdict":
    """Confirmed, bound, or only judged: what is not asked for is not worked out."""
    if verify is not None:
        from pipelines._binding import confirmed

        return confirmed(release, policy, verify, key)
    if bound:
        from pipelines._binding import bound_verdict

        return bound_verdict(release, policy)
    from pipelines.gate import gate as judge

    return judge(release, policy)


def _tell_libraries(verdict: "Verdict") -> None:
    from pipelines._binding import library_changes
    from schemas.verdict import BoundVerdict

    if isinstance(verdict, BoundVerdict) and (changed := library_changes(verdict)):
        typer.echo(f"libraries   {changed}: the gate, asked again with those here, says the same")


def _rendered(form: Format, answer: "Answer", release: Path) -> str:
    from pipelines._gate_formats import FORMATS
    from schemas.report import Verdict

    if form in FORMATS:
        return FORMATS[form](answer, release)
    assert isinstance(answer, Verdict)
    if form == "json":
        return answer.model_dump_json(indent=2) + "\n"
    from pipelines._summary import verdict_lines

    return "\n".join(verdict_lines(answer)) + "\n"


def _write(answer: "Answer", release: Path, output: list[Path], key: Path | None) -> None:
    """Each file aside, synced and renamed. Without a verdict an older one goes: it must not pass for this one."""
    from pipelines._gate_formats import SUFFIXES
    from pipelines._signing import sign, signature_of
    from pipelines._workspace import save_text

    for path in output:
        try:
            if path.suffix == ".json":
                signature_of(path).unlink(missing_ok=True)
            if path.suffix == ".json" and isinstance(answer, AssayError):
                path.unlink(missing_ok=True)
                continue
            save_text(_rendered(SUFFIXES.get(path.suffix, "json"), answer, release), path)  # type: ignore[arg-type]
        except OSError as error:
            raise UsageError(f"--output {path}: cannot be written ({error.strerror}); choose another place") from error
        if key is not None and path.suffix == ".json":
            sign(path, key)


def _shown(name: str) -> str:
    """A ready policy, or the schema, as it is shipped. Raises UsageError."""
    from schemas.policy import POLICIES, READY

    if name not in (*READY, "schema"):
        raise UsageError(f"--show {name}: is not one of {', '.join(READY)} or schema")
    file = "policy.schema.json" if name == "schema" else f"{name}.yaml"
    return (POLICIES / file).read_text(encoding="utf-8")
