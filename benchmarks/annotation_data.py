"""A dataset for the benchmark of the annotation server: records of random words, and what is known about them."""

import time
from typing import Any, NamedTuple, Self

import httpx
import numpy as np

DIMENSIONS = 384  # all-MiniLM-L6-v2's
BATCH = 500  # the most that Argilla takes at once
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON. Raises RuntimeError with the server's words when it refuses."""
        answer = self._http.request(method, path, json=body)
        if answer.is_error:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None


class Row(NamedTuple):
    """What the right counts follow from."""

    prompt: frozenset[str]
    completion: frozenset[str]
    domain: str
    tokens: int
    quality: float
    verdict: str  # as suggested
    score: float  # of that

    @property
    def words(self) -> frozenset[str]:
        return self.prompt | self.completion


class Filled:
    """A dataset with records, and what they were made of."""

    def __init__(self, server: Server, workspace_id: str) -> None:
        self.server = server
        self.random = np.random.default_rng(7)
        self.words = [
            f"{first}{second}" for first in ("ba", "ce", "di", "fo", "gu", "ha") for second in map(str, range(500))
        ]
        name = f"benchmark-{time.time_ns()}"
        self.dataset = server.call("POST", "/datasets", {"name": name, "workspace_id": workspace_id})["id"]
        self.metadata: dict[str, str] = {}
        self.rows: list[Row] = []
        self.answered = 0
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
        chosen = [self.words[place] for place in self.random.integers(0, len(self.words), WORDS)]
        prompt, completion = chosen[: WORDS // 2], chosen[WORDS // 2 :]
        row = Row(
            prompt=frozenset(prompt),
            completion=frozenset(completion),
            domain=DOMAINS[number % len(DOMAINS)],
            tokens=int(self.random.integers(1, 2000)),
            quality=float(self.random.random()),
            verdict=LABELS[int(self.random.integers(3))],
            score=float(self.random.random()),
        )
        self.rows.append(row)
        return {
            "external_id": f"record-{number}",
            "fields": {"prompt": " ".join(prompt), "completion": " ".join(completion)},
            "metadata": {"domain": row.domain, "tokens": row.tokens, "quality": row.quality},
            "vectors": {"minilm": self.random.standard_normal(DIMENSIONS).round(6).tolist()},
            "suggestions": [
                self._suggestion("verdict", row.verdict, score=row.score, agent="assay"),
                self._suggestion("rating", int(self.random.integers(1, 6)), score=0.5, agent="assay"),
                self._suggestion("response", " ".join(chosen), agent="a-model"),
            ],
        }

    def _suggestion(self, question: str, value: Any, **said: Any) -> Json:
        return {"question_id": self.questions[question], "value": value, **said}

    def answer(self, count: int) -> None:
        """Submit a verdict for that many of the records that come first."""
        values = {"verdict": {"value": "accept"}, "rating": {"value": 4}}
        page = self.search({}, limit=count)["items"] if count else []
        for start in range(0, len(page), 100):  # the most that Argilla takes at once
            items = [
                {"record_id": item["record"]["id"], "values": values, "status": "submitted"}
                for item in page[start : start + 100]
            ]
            self.server.call("POST", "/me/responses/bulk", {"items": items})
        self.answered = len(page)

    def search(self, body: Json, limit: int = 10, offset: int = 0) -> Any:
        """A page as the annotation view asks for it."""
        include = "include=responses&include=suggestions"
        path = f"/me/datasets/{self.dataset}/records/search?{include}&limit={limit}&offset={offset}"
        return self.server.call("POST", path, body)
