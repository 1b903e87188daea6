"""A verdict bound to the release, the policy and the code it was made of, and how it is confirmed later."""

from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from pipelines._manifest import read_manifest, sha256_of
from pipelines._versions import judges, own_code_digest, version_of
from pipelines.gate import gate, policy_of
from schemas.errors import VerdictError
from schemas.manifest import MANIFEST
from schemas.policy import Policy
from schemas.verdict import BoundVerdict

# When it was judged, and with which libraries, is no part of what was judged; the rest must be so again.
_NOT_COMPARED = {"judged", "demanded", "libraries"}


def bound_verdict(release: Path, policy: Path | None = None) -> BoundVerdict:
    """Judge a release, and say of what. Raises as `pipelines.gate.gate`."""
    judged = gate(release, policy)
    manifest = read_manifest(release)
    demanded = policy_of(manifest.policy, policy)
    return BoundVerdict(
        **judged.model_dump(),
        run_id=manifest.run_id,
        dataset=sha256_of(release / MANIFEST),
        policy_digest=demanded.digest,
        demanded=demanded,
        code=own_code_digest(),
        assay_version=version_of("assay"),
        libraries=judges(),
        compared=_compared(demanded),
        judged=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _compared(policy: Policy) -> dict[str, str]:
    others = (Path(demand.no_worse_than) for demand in policy.demands if demand.no_worse_than)
    return {other.name: sha256_of(other / MANIFEST) for other in others}


def confirmed(
    release: Path, policy: Path | None, verdict: str | Path | None, public_key: str | Path | None
) -> BoundVerdict:
    """The verdict in the file `verdict`, after all that it is bound to was found to be so now.

    With `public_key` the file's signature, FILE.minisig, is checked before it is read. The release is judged again:
    a verdict that says other than the gate does is not believed, signed or not. Other libraries alone void nothing, for
    with them the gate has just said the same (`library_changes` tells of them). Raises VerdictError naming what is not
    as the verdict says, and as `gate` does.
    """
    if verdict is None:
        raise VerdictError("a public key without a verdict proves nothing; name the verdict's file too")
    path = Path(verdict)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise VerdictError(f"{path}: cannot be read ({error.strerror}); name the file that --output wrote") from error
    if public_key is not None:
        from pipelines._signing import check_signature

        check_signature(path, content, public_key)
    said, now = _parsed(path, content), bound_verdict(release, policy)
    _refuse_other(path, said, now)
    return said


def library_changes(said: BoundVerdict) -> str:
    """Libraries that are others here than where the verdict was made; "" for none.

    >>> verdict = BoundVerdict.model_construct(libraries={**judges(), "polars": "0.1"})
    >>> library_changes(verdict).startswith("polars 0.1, here ")
    True
    """
    here = judges()
    changed = [name for name in sorted({*said.libraries, *here}) if said.libraries.get(name) != here.get(name)]
    return "; ".join(f"{name} {said.libraries.get(name, 'none')}, here {here.get(name, 'none')}" for name in changed)


def _parsed(path: Path, content: bytes) -> BoundVerdict:
    try:
        return BoundVerdict.model_validate_json(content)
    except ValidationError as error:
        raise VerdictError(
            f"{path}: is no verdict that this version reads; write one: assay gate DIR --output FILE.json"
        ) from error


def _refuse_other(path: Path, said: BoundVerdict, now: BoundVerdict) -> None:
    """Raise for the first thing that is not as the verdict says, in the order in which a person would ask."""
    for what, then, is_now, remedy in (
        ("of other data", said.dataset, now.dataset, "the release was made again or is another one; judge it again"),
        (
            "by another policy",
            said.policy_digest,
            now.policy_digest,
            "name the policy it was judged by, or judge again",
        ),
        ("beside another release", said.compared, now.compared, "judge it again"),
        ("by other code", said.code, now.code, "Assay itself has changed; judge it again"),
        ("altered: its policy is not the one it names", said.demanded.digest, said.policy_digest, "judge it again"),
    ):
        if then != is_now:
            raise VerdictError(f"{path}: the verdict is {what} ({str(then)[:12]}, now {str(is_now)[:12]}); {remedy}")
    if said.model_dump(exclude=_NOT_COMPARED) != now.model_dump(exclude=_NOT_COMPARED):
        libraries = library_changes(said)
        cause = f"was altered, or follows from other libraries ({libraries})" if libraries else "was altered"
        raise VerdictError(f"{path}: the verdict {cause}: the gate, asked again, says otherwise; judge it again")
