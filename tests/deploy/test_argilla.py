"""The production files of Argilla: no secret has a default, nothing but the proxy is reachable, and the policy fits."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "argilla"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    return content


def test_the_services_are_those_the_server_needs(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"proxy", "argilla", "worker", "postgres", "elasticsearch", "redis"}
    assert compose["services"]["argilla"]["image"] == "argilla/argilla-server:v2.8.0"
    assert all(not service["image"].endswith("latest") for service in compose["services"].values())


def test_every_secret_must_be_given(compose: dict[str, Any]) -> None:
    text = (FOLDER / "compose.yaml").read_text()
    named = set(re.findall(r"\$\{([A-Z_]+)[:}]", text))
    secrets = {name for name in named if re.search("PASSWORD|KEY|SECRET|OWNER", name)}
    assert secrets
    for name in sorted(secrets):
        assert f"${{{name}:?" in text, f"{name} has a default"
    example = dict(line.split("=", 1) for line in (FOLDER / ".env.example").read_text().splitlines() if "=" in line
                   and not line.startswith("#"))  # fmt: skip
    assert named <= set(example)
    assert all(not example[name] for name in secrets)
    for known in ("argilla.apikey", "12345678", "1234\n"):
        assert known not in text


def test_only_the_proxy_listens_for_others_and_on_loopback_unless_told(compose: dict[str, Any]) -> None:
    listening = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert set(listening) == {"proxy", "postgres"}
    assert all(port.split(":-")[1].startswith("127.0.0.1") for ports in listening.values() for port in ports)


def test_whoever_is_waited_for_says_when_he_is_ready(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for other in service.get("depends_on", {}):
            assert "healthcheck" in compose["services"][other]


def test_the_proxys_policy_names_the_inline_scripts_of_the_locked_server(tmp_path: Path) -> None:
    import shutil

    from annotation.server.embedded.headers import policy
    from annotation.server.environment import python

    if not os.environ.get("ASSAY_ARGILLA_PYTHON") and not _made():
        pytest.skip("the Argilla server's environment is not made yet; `assay annotate serve` makes it")
    asked = [python(print), "-I", "-c", "import importlib.util as u; print(u.find_spec('argilla_server').origin)"]
    package = Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()).parent
    statics = Path(shutil.copytree(package / "static", tmp_path / "static"))
    for file in statics.rglob("*"):
        # As the server does for the path "/".
        if file.suffix in {".html", ".js"} and "@@baseUrl@@" in (text := file.read_text()):
            file.write_text(text.replace("@@baseUrl@@", ""))
    assert f'Content-Security-Policy "{policy(statics)}" always' in (FOLDER / "nginx.conf").read_text()


def _made() -> bool:
    from annotation.server.environment import cache

    return any(folder.joinpath(".ready").exists() for folder in cache().glob("argilla-server-*"))
