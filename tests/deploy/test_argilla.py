"""The production files of Argilla: no secret has a default, nothing but the proxy is reachable, and the policy fits."""

import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import httpx
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


class Proxied(NamedTuple):
    """nginx with our rules, and the headers of what it passed on to the server behind it."""

    http: httpx.Client
    passed: list[dict[str, str]]


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed")
    folder = tmp_path_factory.mktemp("nginx")
    passed: list[dict[str, str]] = []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "log"
    with _behind(passed) as server, log.open("wb") as said, httpx.Client(verify=False) as http:
        http.base_url = httpx.URL(f"https://127.0.0.1:{port}")
        rules = _configuration(folder, port, server.server_port)
        command = [program, "-e", "stderr", "-p", str(folder), "-c", str(rules)]
        with subprocess.Popen(command, stderr=said) as proxy:
            try:
                _wait_for(http, log)
                yield Proxied(http, passed)
            finally:
                proxy.terminate()
                proxy.wait(10)
                server.shutdown()


def _behind(passed: list[dict[str, str]]) -> HTTPServer:
    """Stands for the server, which knows no password."""

    class Behind(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(200)

        def do_POST(self) -> None:
            self.answer(401)

        def answer(self, status: int) -> None:
            passed.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Behind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _configuration(folder: Path, port: int, behind: int) -> Path:
    """nginx.conf as it is, but for where it listens, where its key lies and who is behind it."""
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    key, certificate = folder / "privkey.pem", folder / "fullchain.pem"
    subprocess.run(["openssl", *made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    rules = (FOLDER / "nginx.conf").read_text()
    for find, put in {
        "listen 8443 ssl": f"listen 127.0.0.1:{port} ssl",
        "http2 on;": "",  # Debian's nginx is older than the image's
        "/etc/nginx/tls": str(folder),
        "http://argilla:6900": f"http://127.0.0.1:{behind}",
    }.items():
        assert find in rules
        rules = rules.replace(find, put)
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{name}_temp_path {folder / name};\n" for name in places)
    user = "user root;\n" if os.geteuid() == 0 else ""
    head = f"daemon off;\n{user}pid {folder / 'pid'};\nevents {{}}\nhttp {{\naccess_log off;\n{paths}"
    path = folder / "all.conf"
    path.write_text(f"{head}{rules}}}\n")
    return path


def _wait_for(http: httpx.Client, log: Path) -> None:
    for _ in range(100):
        try:
            http.get("/")
            return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"nginx did not start: {log.read_text()[-500:]}")


def test_the_proxy_brings_the_policy_to_every_answer(proxied: Proxied) -> None:
    for path in ("/", "/api/v1/me", "/api/v1/token"):
        answer = proxied.http.get(path)
        assert "default-src 'self'; script-src 'self' 'sha256-" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_the_proxy_ends_the_guessing_of_passwords_and_says_who_asks(proxied: Proxied) -> None:
    guesses = [
        proxied.http.post("/api/v1/token", data={"username": f"ana{n}"}, headers={"X-Forwarded-For": f"10.0.0.{n}"})
        for n in range(20)
    ]
    codes = [guess.status_code for guess in guesses]
    assert set(codes) == {401, 429}
    assert codes.count(401) <= 11 + 1  # ten at once beyond the first, and one more where the twenty take ten seconds
    assert guesses[-1].headers["content-security-policy"]
    assert proxied.http.get("/api/v1/me").status_code == 200
    assert {one["x-forwarded-for"] for one in proxied.passed} == {"127.0.0.1"}


def _made() -> bool:
    from annotation.server.environment import cache

    return any(folder.joinpath(".ready").exists() for folder in cache().glob("argilla-server-*"))
