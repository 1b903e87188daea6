"""examples/gate as they stand: each is run, lets a good release pass, and refuses one that does not."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GATE = ROOT / "examples" / "gate"
WORKFLOW = GATE / "workflow" / "assay-gate.yml"
ASSAY = Path(sys.executable).parent

ROWS = [
    {"instruction": f"Explain what a {thing} is for.", "input": "", "output": f"A {thing} is used {use}."}
    for thing, use in (
        ("hammer", "to drive nails into wood"),
        ("kettle", "to boil water for tea or coffee"),
        ("ledger", "to write down what was earned and spent"),
        ("sextant", "to find a ship's place by the stars"),
        ("trellis", "to hold climbing plants upright"),
        ("prism", "to split white light into colours"),
    )
]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release that passes policy.yaml; nobody may change it."""
    from pipelines._course import make_release
    from schemas.settings import Settings

    folder = tmp_path_factory.mktemp("examples")
    (folder / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASSAY_CACHE", str(folder / "cache"))
        patch.setenv("ASSAY_HOME", str(folder / "home"))
        make_release([str(folder / "tasks.jsonl")], folder / "release", Settings())
    return folder / "release"


@pytest.fixture
def altered(release: Path, tmp_path: Path) -> Path:
    copy = Path(shutil.copytree(release, tmp_path / "altered"))
    with (copy / "splits" / "train.jsonl").open("a") as file:
        file.write('{"messages": []}\n')
    return copy


@pytest.fixture
def strict(tmp_path: Path) -> Path:
    """A policy that the release does not meet."""
    path = tmp_path / "strict.yaml"
    path.write_text("name: large\ndemands:\n- {figure: rows.released, min: 1000, why: a model needs that many}\n")
    return path


def run(*call: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_API_URL": "", "HF_HUB_OFFLINE": "1"}
    return subprocess.run([sys.executable, *call], capture_output=True, text=True, env=environment, timeout=300)


def test_the_training_script_trains_only_where_the_gate_passes(release: Path, altered: Path, strict: Path) -> None:
    done = run(GATE / "train.py", release, GATE / "policy.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert "the gate passed by the policy support-bot; training on" in done.stdout
    for call, code, why in (
        ((release, strict), 1, "policy 'large' is not met: rows.released is 6"),
        ((altered,), 2, "train.jsonl: was altered after the release was made"),
        ((release, "lenient"), 2, "lenient: cannot be read"),
    ):
        refused = run(GATE / "train.py", *call)
        assert (refused.returncode, refused.stdout) == (code, "")
        assert refused.stderr.startswith("not trained: ")
        assert why in refused.stderr


@pytest.fixture
def example() -> Iterator[Any]:
    """Imports an example by its file's name."""
    sys.path.insert(0, str(GATE))
    try:
        yield __import__
    finally:
        sys.path.remove(str(GATE))


@pytest.mark.filterwarnings("default")  # what transformers and torch say of themselves
def test_the_trainer_makes_no_step_where_the_gate_says_no(
    release: Path, altered: Path, strict: Path, tmp_path: Path, example: Any
) -> None:
    from schemas.errors import GateFailed, ReleaseError

    make_trainer = example("trainer").make_trainer
    trainer = make_trainer(release, tmp_path / "out", str(GATE / "policy.yaml"))
    before = [weight.detach().clone() for weight in trainer.model.parameters()]
    trainer.train()
    assert trainer.state.global_step == 2
    assert any((old != new).any() for old, new in zip(before, trainer.model.parameters(), strict=True))
    for folder, policy, error in ((release, str(strict), GateFailed), (altered, None, ReleaseError)):
        refused = make_trainer(folder, tmp_path / "out", policy)
        before = [weight.detach().clone() for weight in refused.model.parameters()]
        with pytest.raises(error):
            refused.train()
        assert refused.state.global_step == 0
        assert all((old == new).all() for old, new in zip(before, refused.model.parameters(), strict=True))


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    import pipelines._orchestration  # noqa: F401  isort: skip
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


def _runs_of(name: str) -> list[Any]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName

    async def ask() -> list[Any]:
        async with get_client() as client:
            return list(await client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=[name]))))

    return asyncio.run(ask())


def test_the_deployment_is_asked_for_only_where_the_gate_passes(
    server: None, release: Path, altered: Path, strict: Path, example: Any
) -> None:
    from schemas.errors import GateFailed, ReleaseError

    flows = example("prefect_flow")
    flows.train.to_deployment("nightly").apply()
    for folder, policy, error in ((release, str(strict), GateFailed), (altered, None, ReleaseError)):
        with pytest.raises(error):
            flows.gated_training(str(folder), policy)
    assert _runs_of("train") == []
    assert [each.state_name for each in _runs_of("gated-training")] == ["Failed", "Failed"]
    asked = flows.gated_training(str(release), "smoke")
    (training,) = _runs_of("train")
    assert (str(training.id), training.state_name, training.tags) == (asked, "Scheduled", ["policy smoke"])
    assert training.parameters == {"release": str(release)}


def test_the_workflow_is_one_by_githubs_schema() -> None:
    import jsonschema
    from check_jsonschema.builtin_schemas import get_builtin_schema

    text = yaml.safe_load(WORKFLOW.read_text())
    text["on"] = text.pop(True)  # YAML 1.1 reads a bare `on` as true
    jsonschema.validate(text, get_builtin_schema("vendor.github-workflows"))
    assert set(text["on"]) == {"workflow_call"}


def _judge(release: Path, folder: Path, **environment: str) -> tuple[int, str]:
    """The workflow's own step, as the runner's bash runs it, in a folder of its own."""
    steps = yaml.safe_load(WORKFLOW.read_text())["jobs"]["gate"]["steps"]
    (step,) = [step for step in steps if step.get("id") == "judge"]
    assert set(step["env"]) == {"POLICY", "SIGN", "SIGNING_KEY", "ASSAY_SIGNING_PASSWORD"}
    assert "${{" not in step["run"]
    folder.mkdir()
    shutil.copytree(release, folder / "release")
    script = folder / "step.sh"
    script.write_text(step["run"])
    given = {"POLICY": "", "SIGN": "false", "SIGNING_KEY": "", "ASSAY_SIGNING_PASSWORD": "", **environment}
    path = f"{ASSAY}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
        cwd=folder, env={**os.environ, **given, "GITHUB_OUTPUT": str(folder / "output"), "PATH": path},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    return done.returncode, done.stdout


def test_the_workflows_step_passes_fails_and_cannot_judge(
    release: Path, altered: Path, strict: Path, tmp_path: Path
) -> None:
    import minisign

    key = minisign.KeyPair.generate()
    signing = {"SIGN": "true", "SIGNING_KEY": bytes(key.secret_key).decode()}
    good, bad, broken = (tmp_path / name for name in ("good", "bad", "broken"))
    code, said = _judge(release, good, POLICY="smoke", **signing)
    assert (code, said.splitlines()[-1]) == (0, "::notice title=assay gate::release passed by the policy smoke")
    assert (good / "output").read_text() == "passed=true\n"
    verdict = (good / "gate" / "verdict.json").read_bytes()
    key.public_key.verify(verdict, minisign.Signature.from_file(good / "gate" / "verdict.json.minisig"))
    code, said = _judge(release, bad, POLICY=str(strict))
    assert (code, said.startswith("::error title=assay gate%3A rows.released::rows.released is 6")) == (1, True)
    assert ET.parse(bad / "gate" / "junit.xml").getroot().get("failures") == "1"
    assert not (bad / "output").exists()
    code, said = _judge(altered, broken, POLICY='smoke"; exit 0; "')
    assert (code, said.startswith("::error title=assay gate%3A cannot be judged::")) == (2, True)
    assert sorted(path.name for path in (broken / "gate").iterdir()) == ["gate.sarif", "junit.xml"]
    assert not (broken / "output").exists()
