"""The headers of every answer, and the policy in them against the UI that is really served."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from annotation.server.embedded import headers, statics


def directives(answer: httpx.Response) -> dict[str, list[str]]:
    said = answer.headers["content-security-policy"].split("; ")
    return {one.split()[0]: one.split()[1:] for one in said}


def test_every_answer_has_them(argilla: Any, api: Any) -> None:
    known = api(argilla.url, argilla.api_key)
    answers = [known.get("/me"), httpx.get(f"{argilla.url}/api/v1/me"), httpx.get(f"{argilla.url}/nowhere")]
    answers += [httpx.get(f"{argilla.url}/favicon.ico"), httpx.get(f"{argilla.url}/api/v1/nowhere")]
    assert [one.status_code for one in answers] == [200, 401, 200, 200, 404]
    for answer in answers:
        assert directives(answer)["object-src"] == ["'none'"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
        assert "server" not in answer.headers
    assert answers[0].headers["cache-control"] == "no-store"  # it holds an API key


def test_the_policy_lets_nothing_run_but_argillas_own_scripts(argilla: Any) -> None:
    page = httpx.get(argilla.url)
    policy = directives(page)
    inline = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    assert len(inline) == 2
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in inline}
    allowed = set(policy["script-src"])
    assert hashes < allowed
    assert len(allowed - hashes) == 2  # 'self', and the script that styles the frame of a custom field
    assert "'self'" in allowed
    for name in ("connect-src", "frame-src", "form-action", "base-uri", "frame-ancestors", "default-src"):
        assert policy[name] == ["'self'"]
    assert policy["img-src"] == policy["font-src"] == ["'self'", "data:"]


def test_no_style_of_the_ui_asks_another_host(argilla: Any) -> None:
    page = httpx.get(argilla.url).text
    styles = re.findall(r'href="([^"]*\.css)"', page)
    assert styles
    for style in styles:
        assert "@import" not in httpx.get(f"{argilla.url}{style}").text


def test_the_hash_of_a_frames_script_is_of_what_the_bundle_makes_of_it(tmp_path: Path) -> None:
    (tmp_path / "_nuxt").mkdir()
    (tmp_path / "index.html").write_text("<script>one()</script><script src='x.js'></script>")
    bundle = r"""t="".concat('\n<script>\nif (parent) {\n  a(\'b\');\n}\n<\/script>\n<style>\n').concat(c)"""
    (tmp_path / "_nuxt" / "x.js").write_text(bundle)
    scripts = ["one()", "\nif (parent) {\n  a('b');\n}\n"]
    hashes = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    policy = headers.policy(tmp_path)
    assert all(f"'sha256-{one}'" in policy for one in hashes)
    assert policy.count("sha256-") == 2


def test_a_ui_that_is_not_the_locked_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "_nuxt").mkdir()
    (tmp_path / "_nuxt" / "x.js").write_text("something.else()")
    with pytest.raises(RuntimeError, match="the UI is not the one that was locked"):
        statics.rewrite(tmp_path)
