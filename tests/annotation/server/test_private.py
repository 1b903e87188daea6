"""Files that only their owner may read, and locks that know their holder."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from annotation.server.embedded.locks import exclusive, holder, take
from annotation.server.embedded.private import append_private, private_folder, read_json, write_private_json


@pytest.fixture(autouse=True)
def _no_umask() -> object:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o777)


def test_nobody_else_can_ever_read_them(tmp_path: Path) -> None:
    folder = private_folder(tmp_path / "a" / "secrets")
    write_private_json(folder / "keys.json", ["k"])
    os.close(append_private(folder / "log"))
    assert [mode(path) for path in (folder, folder / "keys.json", folder / "log")] == ["0o700", "0o600", "0o600"]
    (folder / "keys.json").chmod(0o644)
    folder.chmod(0o755)
    private_folder(folder)
    write_private_json(folder / "keys.json", ["k", "日本"])
    assert (mode(folder), mode(folder / "keys.json")) == ("0o700", "0o600")
    assert read_json(folder / "keys.json") == ["k", "日本"]
    assert sorted(path.name for path in folder.iterdir()) == ["keys.json", "log"]


def test_what_is_no_json_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff{")
    assert read_json(tmp_path / "x") is None
    assert read_json(tmp_path / "missing") is None


def test_a_lock_names_its_holder_and_goes_with_him(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    assert holder(lock) is None
    code = "import sys, time; from pathlib import Path; from annotation.server.embedded.locks import take;"
    code += "print(take(Path(sys.argv[1])) is not None, flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, lock], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert holder(lock) == other.pid
        assert take(lock) is None
        other.kill()
    assert holder(lock) is None
    handle = take(lock)
    assert handle is not None
    assert holder(lock) == os.getpid()
    os.close(handle)


def test_a_look_at_the_lock_does_not_keep_anyone_from_it(tmp_path: Path) -> None:
    lock, stop = tmp_path / "lock", threading.Event()
    lock.touch()

    def look() -> None:
        while not stop.is_set():
            holder(lock)

    lookers = [threading.Thread(target=look) for _ in range(4)]
    for looker in lookers:
        looker.start()
    try:
        for _ in range(20):
            handle = take(lock)
            assert handle is not None
            os.close(handle)
    finally:
        stop.set()
        for looker in lookers:
            looker.join()


def test_one_at_a_time(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    def work() -> None:
        with exclusive(tmp_path / "lock"):
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8
