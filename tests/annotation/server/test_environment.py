"""The server's own environment: made once, made again when it was interrupted, said clearly when it cannot be."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from annotation.server import environment
from annotation.server.embedded.locks import exclusive, take
from schemas.errors import AnnotationError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a list with nothing on it: what is tested is the making, not the download."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("ASSAY_ARGILLA_PYTHON", raising=False)
    (tmp_path / "requirements.txt").write_text("# nothing\n")
    monkeypatch.setattr(environment, "REQUIREMENTS", tmp_path / "requirements.txt")
    monkeypatch.setattr(environment, "_PROBE", "import sys; assert sys.prefix != sys.base_prefix")
    return tmp_path / "cache" / "assay"


@pytest.mark.long
@pytest.mark.slow
def test_it_is_made_once_however_many_ask_and_again_after_an_interruption(cache: Path) -> None:
    said: list[str] = []
    with ThreadPoolExecutor(3) as pool:
        pythons = set(pool.map(lambda _: environment.python(said.append), range(3)))
    assert said == ["making the Argilla server's environment (about a minute, once)"]
    (python,) = pythons
    assert python.is_relative_to(cache)
    assert subprocess.run([python, "-I", "-c", "pass"], check=False).returncode == 0

    (python.parent.parent / ".ready").unlink()
    (python.parent.parent / "half").touch()
    assert environment.python(said.append) == python
    assert len(said) == 2
    assert not (python.parent.parent / "half").exists()


def test_another_list_is_another_environment(cache: Path, tmp_path: Path) -> None:
    before = environment._digest()
    (tmp_path / "requirements.txt").write_text("# nothing at all\n")
    assert environment._digest() != before


@pytest.mark.slow
def test_what_cannot_be_installed_is_said_in_one_line_and_not_called_ready(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("/nowhere/there_is_no-1.0-py3-none-any.whl\n")
    for _ in range(2):
        with pytest.raises(
            AnnotationError, match=r"cannot be filled \(ERROR: .*there_is_no.*ASSAY_ARGILLA_PYTHON"
        ) as no:
            environment.python(print)
        assert "\n" not in str(no.value)
    assert not list(cache.glob("*/.ready"))


def test_a_cache_that_cannot_be_is_named_with_its_remedy(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(AnnotationError, match=rf"^{tmp_path}/file/assay/argilla-server-.*set XDG_CACHE_HOME"):
        environment.python(print)
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert environment.cache().is_absolute()  # the server runs in another folder


def test_an_install_whose_starter_was_killed_keeps_others_from_beginning_anew(tmp_path: Path) -> None:
    outlives = "import subprocess; subprocess.Popen(['sleep', '2'], close_fds=False, stdout=-3, stderr=-3)"
    with exclusive(tmp_path / "lock") as handle:
        environment._run([sys.executable, "-c", outlives], "be made", handle)
    assert take(tmp_path / "lock") is None
    with exclusive(tmp_path / "lock"):  # when it is done
        pass


def test_environments_that_nobody_uses_go_when_a_new_one_is_made(cache: Path) -> None:
    long_ago = time.time() - environment.UNUSED_SECONDS - 60
    for name in ("unused", "running", "recent", "unfinished"):
        (cache / f"argilla-server-{name}" / "bin").mkdir(parents=True)
        ready = cache / f"argilla-server-{name}" / ".ready"
        ready.touch()
        os.utime(ready, None if name == "recent" else (long_ago, long_ago))
    (cache / "argilla-server-unfinished" / ".ready").unlink()
    (cache / "vectors").mkdir()
    inside = cache / "argilla-server-running" / "bin" / "python"
    inside.symlink_to(sys.executable)
    with subprocess.Popen([inside, "-c", "import time; time.sleep(60)"]) as server:
        environment._prune(cache / "argilla-server-recent")
        server.kill()
    kept = {path.name.removeprefix("argilla-server-") for path in cache.iterdir() if path.is_dir()}
    assert kept == {"running", "recent", "unfinished", "vectors"}


@pytest.mark.parametrize(
    ("named", "why"), [(sys.executable, "has no argilla-server 2.8.0"), ("/nowhere/python", "cannot be run")]
)
def test_a_python_that_is_named_and_will_not_do(named: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_ARGILLA_PYTHON", named)
    with pytest.raises(AnnotationError, match=f"ASSAY_ARGILLA_PYTHON={named}: {why}"):
        environment.python(print)


def test_the_list_is_exact() -> None:
    lines = [line for line in environment.REQUIREMENTS.read_text().splitlines() if not line.startswith("#")]
    assert f"argilla-server=={environment.VERSION}" in lines
    assert all(line.count("==") == 1 for line in lines)
    assert len({line.partition("==")[0].casefold() for line in lines}) == len(lines)
