"""Data on shared storage: sources and the cache on S3, as moto's server speaks it."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

ROOT = Path(__file__).resolve().parents[2]
s3fs = pytest.importorskip("s3fs", reason="s3fs is not here")


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    """A server, as the variables that name it, with the empty buckets `raw` and `kept`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    served = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _answers(url)
        for bucket in ("raw", "kept"):
            urllib.request.urlopen(urllib.request.Request(f"{url}/{bucket}", method="PUT"))
        yield {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    finally:
        served.terminate()
        served.wait(30)


def _answers(url: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(url)
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"moto's server at {url} does not answer")


def put(s3: dict[str, str], place: str, data: bytes) -> None:
    asked = urllib.request.Request(f"{s3['AWS_ENDPOINT_URL']}/{place}", data=data, method="PUT")
    asked.add_header("Content-Type", "application/octet-stream")
    urllib.request.urlopen(asked)


def listed(s3: dict[str, str], bucket: str) -> list[str]:
    said = urllib.request.urlopen(f"{s3['AWS_ENDPOINT_URL']}/{bucket}").read().decode()
    return [part.split("</Key>")[0] for part in said.split("<Key>")[1:]]


def curate(s3: dict[str, str], folder: Path, source: str, *more: str, **variables: str) -> Any:
    env = {**os.environ, **s3, "PYTHONPATH": str(ROOT), "PREFECT_API_URL": "", **variables}
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli", "curate", source, "--out", "out", *more],
        cwd=folder, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip


RIVERS = [
    {"instruction": f"Where does river {name} end?", "output": f"River {name} ends in the {sea}, at a wide mouth."}
    for name, sea in (("Rhine", "North Sea"), ("Danube", "Black Sea"), ("Rhone", "Mediterranean"), ("Volga", "Caspian"))
]


@pytest.mark.slow
def test_sources_and_the_cache_may_lie_on_s3(s3: dict[str, str], tmp_path: Path) -> None:
    put(s3, "raw/in/rivers.jsonl", "".join(json.dumps(row) + "\n" for row in RIVERS[:2]).encode())
    put(s3, "raw/in/more.json", json.dumps(RIVERS[2:]).encode())
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    done = curate(s3, tmp_path / "first", "s3://raw/in", ASSAY_CACHE="s3://kept/assay")
    assert done.returncode in (0, 1), done.stderr
    ledger = pl.read_parquet(tmp_path / "first" / "out" / "ledger.parquet").sort("source", "source_row")
    assert ledger["source"].to_list() == ["s3://raw/in/more.json"] * 2 + ["s3://raw/in/rivers.jsonl"] * 2
    kinds = {path.split("/")[1] for path in listed(s3, "kept")}
    assert {"embeddings", "verdicts", "signatures"} <= kinds
    before = listed(s3, "kept")
    again = curate(s3, tmp_path / "second", "s3://raw/in/*.js*", "--runner", "dask", ASSAY_CACHE="s3://kept/assay")
    assert again.returncode in (0, 1), again.stderr
    assert listed(s3, "kept") == before
    first, second = ((tmp_path / name / "out" / "splits" / "train.jsonl").read_bytes() for name in ("first", "second"))
    assert first == second


def test_a_bucket_that_is_not_there_is_a_refusal_with_a_remedy(s3: dict[str, str], tmp_path: Path) -> None:
    done = curate(s3, tmp_path, "s3://nowhere/a.jsonl")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "check the URL" in done.stderr
