"""A verdict is bound to data, policy and code; altered, signed with another key or not at all, it proves nothing."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import minisign
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.gate import require
from schemas.errors import UsageError, VerdictError
from schemas.verdict import BoundVerdict

LENIENT = "name: mine\ndemands:\n- {figure: rows.released, min: 1}\n"


@pytest.fixture
def release(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "release"))


def assay(*words: str | Path) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["gate", *map(str, words)])
    return done.exit_code, done.output


def keys(folder: Path, name: str = "key", password: str | None = None) -> tuple[Path, Path]:
    """A key pair in minisign's files."""
    pair = minisign.KeyPair.generate()
    if password:
        # As little work as the format knows: the test is not of the cipher.
        pair.secret_key.encrypt(password, opslimit=minisign.OPSLIMIT // 32, memlimit=minisign.MEMLIMIT // 32)
    secret, public = folder / f"{name}.sec", folder / f"{name}.pub"
    secret.write_bytes(bytes(pair.secret_key) + b"\n")
    public.write_bytes(bytes(pair.public_key) + b"\n")
    return secret, public


@pytest.fixture
def signed(release: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A verdict's file and the key that it was signed with."""
    secret, public = keys(tmp_path)
    code, said = assay(release, "--output", tmp_path / "verdict.json", "--sign", secret)
    assert code == 0, said
    return tmp_path / "verdict.json", public


def test_a_signed_verdict_is_confirmed_here_and_in_a_training_script(release: Path, signed: tuple[Path, Path]) -> None:
    verdict, public = signed
    code, said = assay(release, "--verify", verdict, "--public-key", public)
    assert (code, said.startswith("gate        PASSED: 13 demands")) == (0, True)
    line = public.read_text().splitlines()[1]
    assert assay(release, "--verify", verdict, "--public-key", line)[0] == 0
    assert require(release, verdict=verdict, public_key=public).passed
    held = BoundVerdict.model_validate_json(verdict.read_bytes())
    assert held.demanded.digest == held.policy_digest
    assert len(held.dataset) == len(held.code) == 64


def test_another_library_is_told_and_voids_nothing_unless_the_gate_says_otherwise_with_it(
    release: Path, signed: tuple[Path, Path]
) -> None:
    verdict, _ = signed
    libraries = BoundVerdict.model_validate_json(verdict.read_bytes()).libraries
    _edited(verdict, libraries={**libraries, "polars": "0.1"})
    code, said = assay(release, "--verify", verdict)
    assert code == 0
    assert said.splitlines()[-1] == (
        f"libraries   polars 0.1, here {libraries['polars']}: the gate, asked again with those here, says the same"
    )
    _edited(verdict, passed=False)
    code, said = assay(release, "--verify", verdict)
    assert code == 2
    assert f"was altered, or follows from other libraries (polars 0.1, here {libraries['polars']})" in said


def test_minisign_itself_believes_the_signature(signed: tuple[Path, Path]) -> None:
    if shutil.which("minisign") is None:
        pytest.skip("the program minisign is not here")
    verdict, public = signed
    call = ["minisign", "-V", "-p", str(public), "-m", str(verdict)]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert "Signature and comment signature verified" in done.stdout
    assert "Trusted comment: file:verdict.json" in done.stdout


def test_the_signature_has_the_documented_layout(signed: tuple[Path, Path]) -> None:
    """https://jedisct1.github.io/minisign/: four lines, and by their sizes algorithm, key id and signature."""
    import base64

    verdict, public = signed
    comment, first, trusted, second = Path(f"{verdict}.minisig").read_text().splitlines()
    assert comment.startswith("untrusted comment: ")
    assert trusted == "trusted comment: file:verdict.json"
    signature, key = base64.b64decode(first), base64.b64decode(public.read_text().splitlines()[1])
    assert (signature[:2], len(signature), key[:2], len(key)) == (b"ED", 74, b"Ed", 42)
    assert signature[2:10] == key[2:10]
    assert len(base64.b64decode(second)) == 64


def _edited(verdict: Path, **changes: Any) -> None:
    verdict.write_text(json.dumps(json.loads(verdict.read_text()) | changes, indent=2))


ALTERATIONS: dict[str, tuple[Callable[[Path, Path], None], str]] = {
    "data": (lambda release, _: _append(release / "splits/train.jsonl"), "train.jsonl: was altered"),
    "manifest": (lambda release, _: _append(release / "manifest.json"), "the verdict is of other data"),
    "verdict": (lambda _, verdict: _edited(verdict, passed=False), "the gate, asked again, says otherwise"),
    "code": (lambda _, verdict: _edited(verdict, code="0" * 64), "the verdict is by other code"),
    "policy in it": (
        lambda _, verdict: _edited(verdict, demanded={"name": "x", "demands": [{"figure": "rows.released", "min": 0}]}),
        "its policy is not the one it names",
    ),
    "no verdict": (lambda _, verdict: verdict.write_text("{}"), "is no verdict"),  # type: ignore[dict-item,return-value]
    "gone": (lambda _, verdict: verdict.unlink(), "cannot be read"),
}


def _append(path: Path) -> None:
    with path.open("a") as file:
        file.write(" ")


@pytest.mark.parametrize("what", ALTERATIONS)
def test_what_was_altered_is_found_without_any_key(release: Path, signed: tuple[Path, Path], what: str) -> None:
    alter, complaint = ALTERATIONS[what]
    alter(release, signed[0])
    code, said = assay(release, "--verify", signed[0])
    assert code == 2
    assert complaint in said
    assert "PASSED" not in said


def test_with_a_key_an_altered_verdict_is_not_even_read(
    release: Path, signed: tuple[Path, Path], tmp_path: Path
) -> None:
    verdict, public = signed
    _, strangers = keys(tmp_path, "stranger")
    with pytest.raises(VerdictError, match="was signed with another key"):
        require(release, verdict=verdict, public_key=strangers)
    _edited(verdict, judged="2020-01-01T00:00:00+00:00")
    assert assay(release, "--verify", verdict)[0] == 0  # when it was judged is bound by the signature alone
    with pytest.raises(VerdictError, match="was altered after it was signed"):
        require(release, verdict=verdict, public_key=public)
    Path(f"{verdict}.minisig").write_text("no signature")
    with pytest.raises(VerdictError, match="is no minisign signature"):
        require(release, verdict=verdict, public_key=public)
    Path(f"{verdict}.minisig").unlink()
    with pytest.raises(VerdictError, match=r"verdict\.json\.minisig: is missing, and the key asks for it"):
        require(release, verdict=verdict, public_key=public)


def test_a_verdict_by_another_policy_is_none_by_this_one(release: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(LENIENT)
    verdict = tmp_path / "verdict.json"
    assert assay(release, "--policy", policy, "--output", verdict)[0] == 0
    assert assay(release, "--policy", policy, "--verify", verdict)[0] == 0
    code, said = assay(release, "--verify", verdict)
    assert (code, "the verdict is by another policy" in said) == (2, True)
    policy.write_text(LENIENT.replace("min: 1", "min: 0"))
    code, said = assay(release, "--policy", policy, "--verify", verdict)
    assert (code, "the verdict is by another policy" in said) == (2, True)


def test_a_failed_verdict_that_is_confirmed_still_fails(release: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(LENIENT.replace("min: 1", "min: 1000"))
    verdict = tmp_path / "verdict.json"
    assert assay(release, "--policy", policy, "--output", verdict)[0] == 1
    code, said = assay(release, "--policy", policy, "--verify", verdict)
    assert (code, "rows.released is" in said) == (1, True)


def test_a_compared_release_is_bound_too(release: Path, finished: Path, tmp_path: Path) -> None:
    before = shutil.copytree(finished, tmp_path / "before")
    policy = tmp_path / "policy.yaml"
    policy.write_text("demands:\n- {figure: rows.released, no_worse_than: before, by: 5%}\n")
    verdict = tmp_path / "verdict.json"
    assert assay(release, "--policy", policy, "--output", verdict)[0] == 0
    _append(before / "manifest.json")
    code, said = assay(release, "--policy", policy, "--verify", verdict)
    assert (code, "the verdict is beside another release" in said) == (2, True)


def test_an_older_verdict_does_not_outlive_a_release_that_cannot_be_judged(
    release: Path, signed: tuple[Path, Path]
) -> None:
    _append(release / "report.json")
    assert assay(release, "--output", signed[0])[0] == 2
    assert not signed[0].exists()
    assert not Path(f"{signed[0]}.minisig").exists()


def test_a_key_with_a_password_takes_it_from_the_environment(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, public = keys(tmp_path, password="correct horse")
    verdict = tmp_path / "verdict.json"
    call = (release, "--output", verdict, "--sign", secret)
    code, said = assay(*call)
    assert (code, "the key has a password; set ASSAY_SIGNING_PASSWORD" in said) == (2, True)
    monkeypatch.setenv("ASSAY_SIGNING_PASSWORD", "wrong")
    code, said = assay(*call)
    assert (code, "wrong password for that key" in said) == (2, True)
    monkeypatch.setenv("ASSAY_SIGNING_PASSWORD", "correct horse")
    assert assay(*call)[0] == 0
    assert assay(release, "--verify", verdict, "--public-key", public)[0] == 0


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--sign", "key"], "--sign: needs --output FILE.json"),
        (["--public-key", "key"], "--public-key: needs --verify FILE"),
        (["--output", "verdict.txt"], "must end in .json, .xml or .sarif"),
        (["--show", "lenient"], "is not one of strict, sft, preference, smoke or schema"),
    ],
)
def test_flags_that_make_no_sense_together_are_told(release: Path, flags: list[str], complaint: str) -> None:
    code, said = assay(release, *flags)
    assert (code, complaint in said) == (2, True)


def test_no_file_is_put_into_the_release_itself(release: Path) -> None:
    code, said = assay(release, "--output", release / "verdict.json")
    assert (code, "lies in the release, which may not change" in said) == (2, True)
    assert assay(release)[0] == 0


def test_what_is_no_key_is_told(release: Path, signed: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "no.key").write_text("no key")
    code, said = assay(release, "--output", tmp_path / "v.json", "--sign", tmp_path / "no.key")
    assert (code, "name a minisign secret key" in said) == (2, True)
    with pytest.raises(UsageError, match="is no minisign public key"):
        require(release, verdict=signed[0], public_key="RWnonsense")
    with pytest.raises(VerdictError, match="a public key without a verdict proves nothing"):
        require(release, public_key=signed[1])
