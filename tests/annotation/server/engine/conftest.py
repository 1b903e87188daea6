"""A dataset on the running Argilla server, filled and searched over REST as its UI does."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

Json = dict[str, Any]
_COUNT = itertools.count()


def _client(url: str, key: str) -> httpx.Client:
    return httpx.Client(base_url=f"{url}/api/v1", headers={"X-Argilla-Api-Key": key}, timeout=60, trust_env=False)


class Account:
    """One person's access to the server."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self.http.request(method, path, json=body)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.ask(method, path, body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
        return answer.json() if answer.content else None


class Shelf:
    """A published dataset; records are known by their external ids."""

    def __init__(self, owner: Account, workspace_id: str, **settings: Json) -> None:
        self.owner = owner
        body = {"name": f"shelf-{next(_COUNT)}", "workspace_id": workspace_id}
        self.id = owner.call("POST", "/datasets", body)["id"]
        self.made: dict[str, str] = {}
        for path, of_kind in (("fields", "fields"), ("questions", "questions"), ("metadata-properties", "metadata")):
            for name, one in settings.get(of_kind, {}).items():
                body = {"name": name, "title": name, "settings": one}
                # The first of each is required: Argilla wants one field and one question to be.
                body |= {"required": name == next(iter(settings[of_kind]))} if of_kind != "metadata" else {}
                answer = owner.call("POST", f"/datasets/{self.id}/{path}", body)
                self.made[name] = answer["id"]
        for name, dimensions in settings.get("vectors", {}).items():
            body = {"name": name, "title": name, "dimensions": dimensions}
            self.made[name] = owner.call("POST", f"/datasets/{self.id}/vectors-settings", body)["id"]
        owner.call("PUT", f"/datasets/{self.id}/publish")
        self.records: dict[str, str] = {}

    def add(self, records: dict[str, Json]) -> None:
        """Log records, by external id; suggestions are {question: {"value": ...}}."""
        items = [self._item(name, record) for name, record in records.items()]
        for start in range(0, len(items), 500):
            answer = self.owner.call("PUT", f"/datasets/{self.id}/records/bulk", {"items": items[start : start + 500]})
            self.records |= {one["external_id"]: one["id"] for one in answer["items"]}

    def _item(self, name: str, record: Json) -> Json:
        suggestions = record.get("suggestions", {})
        listed = [{"question_id": self.made[question], **said} for question, said in suggestions.items()]
        return {**record, "external_id": name, **({"suggestions": listed} if suggestions else {})}

    def respond(self, who: Account, name: str, status: str = "submitted", **values: Any) -> None:
        """Answer a record."""
        said = {question: {"value": value} for question, value in values.items()}
        body = {"items": [{"record_id": self.records[name], "status": status, "values": said}]}
        [item] = who.call("POST", "/me/responses/bulk", body)["items"]
        assert item["error"] is None, item

    def page(
        self, body: Json, who: Account | None = None, *, limit: int = 50, offset: int = 0, mine: bool = False
    ) -> Json:
        """A search's answer. `mine` asks as the annotation view does, where responses are one's own."""
        found: Json = (who or self.owner).call("POST", self._path(mine, limit, offset), body)
        return found

    def ask(self, body: Json, *, mine: bool = False) -> httpx.Response:
        """A search's answer whatever it is."""
        return self.owner.ask("POST", self._path(mine, 50, 0), body)

    def find(self, body: Json, who: Account | None = None, *, mine: bool = False, limit: int = 50) -> list[str]:
        """The external ids that a search finds, in its order; their number is the total."""
        found = self.page(body, who, mine=mine, limit=limit)
        assert found["total"] == len(found["items"])
        return [item["record"]["external_id"] for item in found["items"]]

    def text(self, query: str, field: str | None = None) -> set[str]:
        """The external ids that a text query finds."""
        return set(self.find({"query": {"text": {"q": query, **({"field": field} if field else {})}}}))

    def _path(self, mine: bool, limit: int, offset: int) -> str:
        return f"{'/me' if mine else ''}/datasets/{self.id}/records/search?limit={limit}&offset={offset}"


@pytest.fixture(scope="session")
def owner(argilla: Any) -> Iterator[Account]:
    """The owner of the running server."""
    with _client(argilla.url, argilla.api_key) as http:
        yield Account(http)


@pytest.fixture(scope="session")
def database(argilla: Any) -> Path:
    """The server's database."""
    path: Path = argilla.home / "argilla" / "argilla.db"
    return path


@pytest.fixture(scope="session")
def workspace_id(owner: Account, argilla: Any) -> str:
    """A workspace for the datasets of these tests, with two annotators in it."""
    made: str = owner.call("POST", "/workspaces", {"name": "engine"})["id"]
    for user in owner.call("GET", "/users")["items"]:
        if user["username"] in ("ana", "ben"):
            owner.call("POST", f"/workspaces/{made}/users", {"user_id": user["id"]})
    return made


@pytest.fixture(scope="session")
def ana(argilla: Any, workspace_id: str) -> Iterator[Account]:
    """An annotator."""
    with _client(argilla.url, argilla.accounts["ana"].api_key) as http:
        yield Account(http)


@pytest.fixture(scope="session")
def ben(argilla: Any, workspace_id: str) -> Iterator[Account]:
    """Another annotator."""
    with _client(argilla.url, argilla.accounts["ben"].api_key) as http:
        yield Account(http)


@pytest.fixture(scope="session")
def make_shelf(owner: Account, workspace_id: str) -> Iterator[Callable[..., Shelf]]:
    """Makes a published dataset; gone when the tests are."""
    made: list[Shelf] = []

    def make(**settings: Json) -> Shelf:
        made.append(Shelf(owner, workspace_id, **settings))
        return made[-1]

    yield make
    for shelf in made:
        owner.ask("DELETE", f"/datasets/{shelf.id}")


@pytest.fixture
def shelf_on() -> Callable[..., Any]:
    """Makes a published dataset on another server, in a workspace of its own, or shows one again."""

    @contextmanager
    def on(url: str, key: str, again: Shelf | None = None, **settings: Json) -> Iterator[Shelf]:
        with _client(url, key) as http:
            owner = Account(http)
            if again:
                again.owner = owner
                yield again
            else:
                yield Shelf(owner, owner.call("POST", "/workspaces", {"name": "shelf"})["id"], **settings)

    return on
