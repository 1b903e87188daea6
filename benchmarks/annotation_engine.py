"""How fast the annotation server answers: fills one with records, then times what annotators do.

    python -m benchmarks.annotation_engine [--records 10000] [--json] [--url URL --api-key KEY]

Without --url a server is started for it, in a folder that is gone afterwards. Medians are of the whole HTTP call, in
milliseconds, one call after the other. Exit code 1 where a median is above what is promised.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.annotation_data import Filled, Json, Row, Server

# What is promised for 10,000 records with vectors: any page or filter, at the median.
LIMIT_MS = 200.0
REPEATS = 15
ANSWERED = 200


class Entry(NamedTuple):
    """One thing that annotators do. `count` is of what must come of it: records found, or answers counted."""

    call: Callable[[], Any]
    count: int
    once: bool = False  # the first time only, so that there is no median and no verdict


def main() -> int:
    """Fill, time, print; 1 where a promise is not kept."""
    said = _arguments()
    with _server(said) as server, filled_server(server, said.records) as (filled, seconds):
        medians = {name: _median(entry) for name, entry in entries(filled).items()}
        once = [name for name, entry in entries(filled).items() if entry.once]
    missed = [name for name, median in medians.items() if name not in once and median > LIMIT_MS]
    figures = {
        "records": said.records,
        "logged_per_second": round(said.records / seconds, 1),
        "required_ms": LIMIT_MS,
        "median_ms": medians,
        "once": once,
        "missed": missed,
    }
    print(json.dumps(figures, indent=1) if said.json else _table(figures))
    return 1 if missed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="of a server that runs")
    parser.add_argument("--api-key", default="", help="an owner's")
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


@contextmanager
def _server(said: argparse.Namespace) -> Iterator[Server]:
    if said.url:
        with Server(said.url, said.api_key) as server:
            yield server
        return
    from annotation.server import finding, serve
    from schemas.settings import AnnotationSettings

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        running = serve.start(home, AnnotationSettings(), port=0, progress=lambda line: print(line, file=sys.stderr))
        try:
            with Server(running.url, finding.endpoint(home).api_key) as server:
                yield server
        finally:
            serve.stop(home)


@contextmanager
def filled_server(server: Server, records: int) -> Iterator[tuple[Filled, float]]:
    """A workspace and a dataset with so many records, some of them answered, and the seconds that logging them took."""
    workspace = server.call("POST", "/workspaces", {"name": f"benchmark-{time.time_ns()}"})["id"]
    filled = Filled(server, workspace)
    try:
        seconds = filled.fill(records)
        filled.answer(min(ANSWERED, records // 2))
        yield filled, seconds
    finally:
        server.call("DELETE", f"/datasets/{filled.dataset}")
        server.call("DELETE", f"/workspaces/{workspace}")


def entries(filled: Filled) -> dict[str, Entry]:
    """What annotators do, by name."""
    return {
        **_pages(filled),
        **_texts(filled),
        **_filters(filled),
        **_sorts(filled),
        **_similar(filled),
        **_sums(filled),
    }


def counted(answer: Any) -> int:
    """What an entry's answer says of how many: a search's total, a progress's, or that of a metadata's values."""
    answer = answer.get("responses", answer)  # one's own progress
    if "total" in answer:
        return int(answer["total"])
    if "values" in answer:
        return sum(one["count"] for one in answer["values"])
    return len([name for name in ("min", "max") if answer.get(name) is not None])


def _pages(filled: Filled) -> dict[str, Entry]:
    every, waiting = len(filled.rows), len(filled.rows) - filled.answered
    pending = _filtered(_status("pending"), _record_status("pending"))
    last = max(0, every - 10)
    return {
        "page of 50": Entry(lambda: filled.search({}, limit=50), every),
        "page of 10, the last": Entry(lambda: filled.search({}, offset=last), every),
        "pending queue": Entry(lambda: filled.search(pending), waiting),
        "bulk view, 100 of the queue": Entry(lambda: filled.search(pending, limit=100), waiting),
        "submitted": Entry(lambda: filled.search(_filtered(_status("submitted"))), filled.answered),
    }


def _texts(filled: Filled) -> dict[str, Entry]:
    word, either = filled.words[3], {filled.words[5], filled.words[900]}
    text: Callable[[str], Json] = lambda q: {"query": {"text": {"q": q}}}  # noqa: E731
    in_prompt = {"query": {"text": {"q": word, "field": "prompt"}}}
    ranged = {**text(" | ".join(sorted(either))), **_filtered(_range("tokens", 100, 1500))}
    return {
        "text, one word": Entry(lambda: filled.search(text(word)), _count(filled, lambda row: word in row.words)),
        "text, in one field": Entry(lambda: filled.search(in_prompt), _count(filled, lambda row: word in row.prompt)),
        "text, OR and range": Entry(
            lambda: filled.search(ranged),
            _count(filled, lambda row: bool(either & row.words) and 100 <= row.tokens <= 1500),
        ),
        "text, without a word": Entry(
            lambda: filled.search(text(f"-{word}")), _count(filled, lambda row: word not in row.words)
        ),
    }


def _filters(filled: Filled) -> dict[str, Entry]:
    def entry(condition: Json, count: int) -> Entry:
        return Entry(lambda: filled.search(_filtered(condition)), count)

    accepted = _terms({"entity": "response", "question": "verdict"}, ["accept"])
    score = {"type": "range", "scope": _suggestion("verdict", "score"), "ge": 0.5}
    two = ["legal", "code"]
    return {
        "terms filter": entry(_terms(_metadata("domain"), two), _count(filled, lambda row: row.domain in two)),
        "suggestion value": entry(
            _terms(_suggestion("verdict", "value"), ["fix"]), _count(filled, lambda row: row.verdict == "fix")
        ),
        "suggestion score": entry(score, _count(filled, lambda row: row.score >= 0.5)),
        "suggestion agent": entry(_terms(_suggestion("response", "agent"), ["a-model"]), len(filled.rows)),
        "response filter": entry(accepted, filled.answered),
    }


def _sorts(filled: Filled) -> dict[str, Entry]:
    scopes: dict[str, Json] = {
        "metadata": _metadata("quality"),
        "suggestion score": _suggestion("verdict", "score"),
        "response": {"entity": "response", "question": "rating"},
        "time": {"entity": "record", "property": "updated_at"},
    }

    def entry(scope: Json) -> Entry:
        return Entry(lambda: filled.search({"sort": [{"scope": scope, "order": "desc"}]}), len(filled.rows))

    return {f"sort by {name}": entry(scope) for name, scope in scopes.items()}


def _similar(filled: Filled) -> dict[str, Entry]:
    first = filled.search({}, limit=1)["items"][0]["record"]
    itself = filled.rows[int(first["external_id"].removeprefix("record-"))]  # which is not found
    similar = {"vector": {"name": "minilm", "record_id": first["id"]}}
    word = filled.words[3]
    narrowed = {
        "query": {**similar, "text": {"q": f"-{word}"}},
        **_filtered(_terms(_metadata("domain"), ["legal"])),
    }
    others = len(filled.rows) - 1
    legal = _count(filled, lambda row: row.domain == "legal" and word not in row.words and row is not itself)
    return {
        "similarity, first": Entry(lambda: filled.search({"query": similar}, limit=50), others, once=True),
        "similarity, warm": Entry(lambda: filled.search({"query": similar}, limit=50), others),
        "similarity, filtered": Entry(lambda: filled.search(narrowed, limit=50), legal),
    }


def _sums(filled: Filled) -> dict[str, Entry]:
    def entry(path: str, count: int) -> Entry:
        return Entry(lambda: filled.server.call("GET", path), count)

    every = len(filled.rows)
    return {
        "progress": entry(f"/datasets/{filled.dataset}/progress", every),
        "own progress": entry(f"/me/datasets/{filled.dataset}/metrics", every),
        "metrics of terms": entry(f"/metadata-properties/{filled.metadata['domain']}/metrics", every),
        "metrics of numbers": entry(f"/metadata-properties/{filled.metadata['quality']}/metrics", 2),
    }


def _count(filled: Filled, holds: Callable[[Row], bool]) -> int:
    return sum(holds(row) for row in filled.rows)


def _filtered(*filters: Json) -> Json:
    return {"filters": {"and": list(filters)}}


def _terms(scope: Json, values: list[str]) -> Json:
    return {"type": "terms", "scope": scope, "values": values}


def _range(name: str, least: float, most: float) -> Json:
    return {"type": "range", "scope": _metadata(name), "ge": least, "le": most}


def _status(status: str) -> Json:
    return _terms({"entity": "response", "property": "status"}, [status])


def _record_status(status: str) -> Json:
    return _terms({"entity": "record", "property": "status"}, [status])


def _metadata(name: str) -> Json:
    return {"entity": "metadata", "metadata_property": name}


def _suggestion(question: str, what: str) -> Json:
    return {"entity": "suggestion", "question": question, "property": what}


def _median(entry: Entry) -> float:
    def one() -> float:
        began = time.perf_counter()
        entry.call()
        return (time.perf_counter() - began) * 1000

    return round(statistics.median(one() for _ in range(1 if entry.once else REPEATS)), 1)


def _table(figures: Json) -> str:
    lines = [f"{figures['records']} records, {figures['logged_per_second']} logged per second", ""]
    lines.append(f"{'':<28}{'median':>11}{'required':>11}")
    for name, milliseconds in figures["median_ms"].items():
        verdict = "MISSED" if name in figures["missed"] else "met"
        required = "once" if name in figures["once"] else f"{LIMIT_MS:.0f} ms  {verdict}"
        lines.append(f"{name:<28}{milliseconds:>8.1f} ms{required:>15}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
