"""What the tests of the server say to it: Argilla's REST API, as one of its accounts."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

Api = Callable[..., httpx.Client]


@pytest.fixture
def api() -> Iterator[Api]:
    """A client of Argilla's API, with a key or without."""
    clients: list[httpx.Client] = []

    def client(url: str, key: str | None = None) -> httpx.Client:
        headers = {"X-Argilla-Api-Key": key} if key else {}
        clients.append(httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=60))
        return clients[-1]

    yield client
    for one in clients:
        one.close()


@pytest.fixture
def make_dataset() -> Callable[..., str]:
    """Make and publish a dataset with the fields and questions given; its id."""

    def make(owner: httpx.Client, workspace: str, *, fields: Any, questions: Any, **said: Any) -> str:
        rooms = {one["name"]: one["id"] for one in owner.get("/me/workspaces").json()["items"]}
        what = {"name": f"d-{uuid4().hex}", "workspace_id": rooms[workspace], **said}
        number = str(done(owner.post("/datasets", json=what))["id"])
        for field in fields:
            done(owner.post(f"/datasets/{number}/fields", json={"title": field["name"], "required": False, **field}))
        for question in questions:
            done(owner.post(f"/datasets/{number}/questions", json={"title": question["name"], **question}))
        done(owner.put(f"/datasets/{number}/publish"))
        return number

    return make


def done(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()
