"""How fast the annotation server answers: fills a running one with records, then times what annotators do.

    python -m benchmarks.annotation_engine --url http://127.0.0.1:6900 --api-key KEY [--records 10000] [--json]

Medians are of the whole HTTP call, in milliseconds, one call after the other. The dataset is deleted afterwards.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np

DIMENSIONS = 384  # all-MiniLM-L6-v2's
BATCH = 500  # the most that Argilla takes at once
REPEATS = 15
WORDS = 80
LABELS = ["accept", "fix", "reject"]
DOMAINS = ["medical", "legal", "finance", "code", "other"]

Json = dict[str, Any]


class Server:
    """Argilla's REST API, for one account."""

    def __init__(self, url: str, api_key: str) -> None:
        self._http = httpx.Client(
            base_url=f"{url.rstrip('/')}/api/v1", headers={"X-Argilla-Api-Key": api_key}, timeout=120
        )

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON. Raises RuntimeError with the server's words when it refuses."""
        answer = self._http.request(method, path, json=body)
        if answer.is_error:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None


class Filled:
    """A dataset with records, and the words and vectors that they were made of."""

    def __init__(self, server: Server, workspace_id: str) -> None:
        self.server = server
        self.random = np.random.default_rng(7)
        self.words = [
            f"{first}{second}" for first in ("ba", "ce", "di", "fo", "gu", "ha") for second in map(str, range(500))
        ]
        name = f"benchmark-{time.time_ns()}"
        self.dataset = server.call("POST", "/datasets", {"name": name, "workspace_id": workspace_id})["id"]
        self.metadata: dict[str, str] = {}
        self._settings()

    def _settings(self) -> None:
        here = f"/datasets/{self.dataset}"
        for name in ("prompt", "completion"):
            settings = {"type": "text", "use_markdown": False}
            self._make(f"{here}/fields", {"name": name, "title": name, "required": True, "settings": settings})
        options = [{"value": label, "text": label} for label in LABELS]
        questions: dict[str, Json] = {
            "verdict": {"type": "label_selection", "options": options},
            "rating": {"type": "rating", "options": [{"value": value} for value in range(1, 6)]},
            "response": {"type": "text", "use_markdown": False},
        }
        for name, settings in questions.items():
            required = name == "verdict"
            self._make(f"{here}/questions", {"name": name, "title": name, "required": required, "settings": settings})
        for name, kind in (("domain", "terms"), ("tokens", "integer"), ("quality", "float")):
            body = {"name": name, "title": name, "settings": {"type": kind}, "visible_for_annotators": True}
            self.metadata[name] = self._make(f"{here}/metadata-properties", body)["id"]
        self._make(f"{here}/vectors-settings", {"name": "minilm", "title": "minilm", "dimensions": DIMENSIONS})
        listed = self.server.call("GET", f"{here}/questions")["items"]
        self.questions = {question["name"]: question["id"] for question in listed}
        self.server.call("PUT", f"{here}/publish")

    def _make(self, path: str, body: Json) -> Any:
        return self.server.call("POST", path, body)

    def fill(self, count: int) -> float:
        """Log that many records; seconds that the server took."""
        began = 0.0
        for start in range(0, count, BATCH):
            items = [self._record(number) for number in range(start, min(start + BATCH, count))]
            before = time.perf_counter()
            self.server.call("POST", f"/datasets/{self.dataset}/records/bulk", {"items": items})
            began += time.perf_counter() - before
        return began

    def _record(self, number: int) -> Json:
        chosen = self.random.integers(0, len(self.words), WORDS)
        text = " ".join(self.words[place] for place in chosen)
        return {
            "external_id": f"record-{number}",
            "fields": {"prompt": text[: len(text) // 2], "completion": text[len(text) // 2 :]},
            "metadata": {
                "domain": DOMAINS[number % len(DOMAINS)],
                "tokens": int(self.random.integers(1, 2000)),
                "quality": float(self.random.random()),
            },
            "vectors": {"minilm": self.random.standard_normal(DIMENSIONS).round(6).tolist()},
            "suggestions": [
                {
                    "question_id": self.questions["verdict"],
                    "value": LABELS[int(self.random.integers(3))],
                    "score": float(self.random.random()),
                    "agent": "assay",
                },
                {
                    "question_id": self.questions["rating"],
                    "value": int(self.random.integers(1, 6)),
                    "score": float(self.random.random()),
                    "agent": "assay",
                },
                {"question_id": self.questions["response"], "value": text, "agent": "a-model"},
            ],
        }

    def answer(self, count: int) -> None:
        """Submit a verdict for that many of the records that come first."""
        values = {"verdict": {"value": "accept"}, "rating": {"value": 4}}
        page = self.search({}, limit=count)["items"]
        for start in range(0, len(page), 100):  # the most that Argilla takes at once
            items = [
                {"record_id": item["record"]["id"], "values": values, "status": "submitted"}
                for item in page[start : start + 100]
            ]
            self.server.call("POST", "/me/responses/bulk", {"items": items})

    def search(self, body: Json, limit: int = 10, offset: int = 0) -> Any:
        """A page as the annotation view asks for it."""
        include = "include=responses&include=suggestions"
        path = f"/me/datasets/{self.dataset}/records/search?{include}&limit={limit}&offset={offset}"
        return self.server.call("POST", path, body)


def main() -> None:
    """Fill, time, print."""
    said = _arguments()
    server = Server(said.url, said.api_key)
    with _workspace(server) as workspace_id:
        filled = Filled(server, workspace_id)
        try:
            seconds = filled.fill(said.records)
            filled.answer(min(200, said.records))
            figures: Json = {
                "records": said.records,
                "logged_per_second": round(said.records / seconds, 1),
                "median_ms": {
                    name: _median(call, once=name.endswith("first")) for name, call in _calls(filled).items()
                },
            }
        finally:
            server.call("DELETE", f"/datasets/{filled.dataset}")
    print(json.dumps(figures, indent=1) if said.json else _table(figures))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default=os.environ.get("ARGILLA_API_URL", "http://127.0.0.1:6900"))
    parser.add_argument("--api-key", default=os.environ.get("ARGILLA_API_KEY", ""), help="an owner's")
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


@contextmanager
def _workspace(server: Server) -> Iterator[str]:
    made = server.call("POST", "/workspaces", {"name": f"benchmark-{time.time_ns()}"})["id"]
    yield made
    server.call("DELETE", f"/workspaces/{made}")


def _calls(filled: Filled) -> dict[str, Callable[[], Any]]:
    first = filled.search({}, limit=1)["items"][0]["record"]["id"]
    similar = {"vector": {"name": "minilm", "record_id": first}}
    word = filled.words[3]
    either = f"{filled.words[5]} | {filled.words[900]}"
    return {
        "page of 50": lambda: filled.search({}, limit=50),
        "page of 10, the last": lambda: filled.search({}, offset=9 * filled.search({}, limit=1)["total"] // 10),
        "pending queue": lambda: filled.search(_filtered(_status("pending"), _record_status("pending"))),
        "submitted": lambda: filled.search(_filtered(_status("submitted"))),
        "text, one word": lambda: filled.search({"query": {"text": {"q": word}}}),
        "text, in one field": lambda: filled.search({"query": {"text": {"q": word, "field": "prompt"}}}),
        "text, OR and range": lambda: filled.search(
            {"query": {"text": {"q": either}}, **_filtered(_range("tokens", 100, 1500))}
        ),
        "text, without a word": lambda: filled.search({"query": {"text": {"q": f"-{word}"}}}),
        "terms filter": lambda: filled.search(_filtered(_terms(_metadata("domain"), ["legal", "code"]))),
        "sort by metadata": lambda: filled.search(_sorted(_metadata("quality"))),
        "sort by suggestion score": lambda: filled.search(_sorted(_suggestion("verdict", "score"))),
        "sort by response": lambda: filled.search(_sorted({"entity": "response", "question": "rating"})),
        "sort by time": lambda: filled.search(_sorted({"entity": "record", "property": "updated_at"})),
        "suggestion value": lambda: filled.search(_filtered(_terms(_suggestion("verdict", "value"), ["fix"]))),
        "suggestion score": lambda: filled.search(
            _filtered({"type": "range", "scope": _suggestion("verdict", "score"), "ge": 0.5})
        ),
        "suggestion agent": lambda: filled.search(_filtered(_terms(_suggestion("response", "agent"), ["a-model"]))),
        "response filter": lambda: filled.search(
            _filtered(_terms({"entity": "response", "question": "verdict"}, ["accept"]))
        ),
        "similarity, first": lambda: filled.search({"query": similar}, limit=50),
        "similarity, warm": lambda: filled.search({"query": similar}, limit=50),
        "similarity, filtered": lambda: filled.search(
            {"query": {**similar, "text": {"q": f"-{word}"}}, **_filtered(_terms(_metadata("domain"), ["legal"]))},
            limit=50,
        ),
        "progress": lambda: filled.server.call("GET", f"/datasets/{filled.dataset}/progress"),
        "own progress": lambda: filled.server.call("GET", f"/me/datasets/{filled.dataset}/metrics"),
        "metrics of terms": lambda: filled.server.call(
            "GET", f"/metadata-properties/{filled.metadata['domain']}/metrics"
        ),
        "metrics of numbers": lambda: filled.server.call(
            "GET", f"/metadata-properties/{filled.metadata['quality']}/metrics"
        ),
    }


def _filtered(*filters: Json) -> Json:
    return {"filters": {"and": list(filters)}}


def _sorted(scope: Json) -> Json:
    return {"sort": [{"scope": scope, "order": "desc"}]}


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


def _median(call: Callable[[], Any], *, once: bool) -> float:
    def one() -> float:
        began = time.perf_counter()
        call()
        return (time.perf_counter() - began) * 1000

    return round(statistics.median(one() for _ in range(1 if once else REPEATS)), 1)


def _table(figures: Json) -> str:
    lines = [f"{figures['records']} records, {figures['logged_per_second']} logged per second", ""]
    lines += [f"{name:<28}{milliseconds:>8.1f} ms" for name, milliseconds in figures["median_ms"].items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
