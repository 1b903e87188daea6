"""The Argilla server, as Assay uses it: workspaces, people, datasets, records and responses."""

import contextlib
import secrets
import time
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from http import HTTPStatus
from typing import Any, NamedTuple, Self

from annotation.batches import VECTOR, Encoded, Refused, Sent, batches, encoded, send
from annotation.questions import DatasetSpec
from annotation.remote import Remote, agree, missing_metadata, missing_vectors
from annotation.responses import Listing, Page, listings, page
from annotation.sdk import Exists, Sdk
from annotation.tasks import Suggestion, Task
from annotation.transport import Refusal, Transport
from schemas.errors import AnnotationError

# The first server with chat fields, and the first that is not made yet.
OLDEST, TOO_NEW = (2, 4), (3,)
# A batch of 500 records with vectors takes 2 s on two cores; the rest is for a loaded server.
TIMEOUT = 120.0
# Another push that makes the same dataset is done within seconds; a draft older than this was left by a crash.
DRAFT_SECONDS = 5
# The server deletes so many records at once (argilla_server, DELETE_DATASET_RECORDS_LIMIT).
MAX_DELETED = 100


class Account(NamedTuple):
    """A user that was just made; the password is told this once."""

    username: str
    password: str
    api_key: str


class Progress(NamedTuple):
    """How far a dataset is. Completed are records with enough submitted responses."""

    total: int
    completed: int
    pending: int
    users: dict[str, dict[str, int]]  # username -> submitted, draft, discarded -> responses


class Stored(NamedTuple):
    """A record as the server holds it."""

    fields: dict[str, Any]
    metadata: dict[str, Any]
    vector: tuple[float, ...] | None
    suggestions: tuple[Suggestion, ...]


class Client:
    """A connection to one Argilla server, as one of its owners or admins.

    Every method raises AnnotationError, in one line with the remedy, where the server cannot be reached or
    does not allow it. What may have taken effect is safe to do again.
    """

    def __init__(self, url: str, api_key: str, *, timeout: float = TIMEOUT) -> None:
        """Connects, and sees whether server, key and role will do."""
        if not url.strip() or not api_key.strip():
            raise AnnotationError("no Argilla server or API key is given; set ARGILLA_API_URL and ARGILLA_API_KEY")
        self.url, self._key, self._timeout = url.strip(), api_key.strip(), timeout
        self._names: dict[str, str] = {}  # user id -> username
        self._transport = Transport(self.url, self._key, timeout)
        try:
            self._check_version(str(self._transport.first("version").get("version")))
            me = self._transport.first("me")
            self.username, self.role = str(me.get("username")), str(me.get("role"))
            self._check_role()
        except BaseException:
            self._transport.close()
            raise

    def close(self) -> None:
        """Ends the connection."""
        self._transport.close()
        if "_sdk" in self.__dict__:
            self._sdk.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_role(self) -> None:
        if self.role not in ("owner", "admin"):
            raise AnnotationError(
                f"{self._transport.url}: {self.username!r} is an {self.role}, who may only answer;"
                " set ARGILLA_API_KEY to the key of an owner or admin"
            )

    def _check_version(self, said: str) -> None:
        try:
            version = tuple(int(part) for part in said.split(".")[:2])
        except ValueError:
            raise self._transport.foreign(f"its version is {said!r:.60}") from None
        if not OLDEST <= version < TOO_NEW:
            raise AnnotationError(
                f"{self._transport.url}: runs Argilla {said}; Assay needs 2.4 or newer, and older than 3: use 2.8.0"
            )

    # Workspaces and people

    def workspaces(self) -> dict[str, str]:
        """Name to id of every workspace that the key may see."""
        return {item["name"]: item["id"] for item in self._items("me/workspaces")}

    def ensure_workspace(self, tier: str) -> str:
        """The id of the tier's workspace, which is made where it is missing."""
        known = self.workspaces()
        if tier not in known:
            with contextlib.suppress(Exists):
                self._sdk.make_workspace(tier)
            known = self.workspaces()
        return known[tier]

    def ensure_members(self, tier: str, usernames: Collection[str]) -> list[str]:
        """Lets those people into the tier's workspace; returns who has no account, in order."""
        workspace = self.ensure_workspace(tier)
        inside = {user["username"] for user in self._items(f"workspaces/{workspace}/users")}
        wanted = [name for name in usernames if name not in inside]
        if not wanted or self.role != "owner":  # an admin can neither see nor move people
            return wanted
        known = {user["username"]: user["id"] for user in self._items("users")}
        for name in wanted:
            if name in known:
                with contextlib.suppress(Exists):
                    self._post(f"workspaces/{workspace}/users", {"user_id": known[name]})
        return [name for name in wanted if name not in known]

    def ensure_user(self, username: str, *, role: str = "annotator") -> Account | None:
        """Makes an account with a random password; null where there is one of that name."""
        password = secrets.token_urlsafe(16)
        try:
            self._sdk.make_user(username, password, role)
        except Exists:
            return None
        users = {user["username"]: user["api_key"] for user in self._items("users")}
        return Account(username, password, users[username])

    # Datasets

    def find_dataset(self, workspace: str, name: str) -> Remote | None:
        """The published dataset of that name; null where there is none."""
        found = self._found(workspace, name)
        return None if found is None or found["status"] != "ready" else self._remote(found, workspace)

    def check_dataset(self, workspace: str, name: str, spec: DatasetSpec) -> None:
        """Raises AnnotationError where there is such a dataset and it asks something else. Makes nothing."""
        found = self._found(workspace, name)
        if found is not None and found["status"] == "ready":
            self._agree(found, workspace, spec)

    def ensure_dataset(self, workspace: str, name: str, spec: DatasetSpec) -> Remote:
        """The dataset, made where it is missing. Raises AnnotationError where it asks something else."""
        self.ensure_workspace(workspace)
        for _ in range(3):
            found = self._settled(workspace, name)
            if found is not None:
                self._bring_up_to_date(found, workspace, spec)
                return self._remote(found, workspace)
            with contextlib.suppress(Exists):
                self._sdk.make_dataset(workspace, name, spec)
        raise AnnotationError(f"{workspace}/{name}: somebody else keeps making and deleting it; try again later")

    def progress(self, dataset: Remote) -> Progress:
        """How many records are done, and who did how much."""
        counts = self._transport.call("GET", f"datasets/{dataset.id}/progress")
        users = self._transport.call("GET", f"datasets/{dataset.id}/users/progress")["users"]
        return Progress(
            total=counts["total"],
            completed=counts["completed"],
            pending=counts["pending"],
            users={
                user["username"]: {
                    status: user["completed"][status] + user["pending"][status]
                    for status in ("submitted", "draft", "discarded")
                }
                for user in users
            },
        )

    # Records and responses

    def external_ids(self, dataset: Remote) -> set[str]:
        """The ids of the tasks that the dataset holds."""
        return {record["external_id"] for listing in self._listings(dataset) for record in listing.records}

    def upsert(self, dataset: Remote, tasks: Sequence[Task]) -> Iterator[Sent]:
        """Sends the tasks in batches; each batch is on the server when it is yielded.

        A task that the server refuses is in `refused` with the reason, and costs no other.
        """
        good: list[Encoded] = []
        bad: list[Refused] = []
        for task in tasks:
            try:
                good.append(encoded(task, dataset.questions))
            except ValueError as error:
                bad.append(Refused(task.task_id, str(error)))
        if bad:
            yield Sent([], bad)
        path = f"datasets/{dataset.id}/records/bulk"
        for batch in batches(good):
            yield send(batch, lambda body: self._transport.call("PUT", path, body=body))

    def responses(self, dataset: Remote) -> Iterator[Page]:
        """Every record of the dataset with everything said of it, page by page."""
        for listing in self._listings(dataset, include="responses"):
            users = {said["user_id"] for record in listing.records for said in record.get("responses") or ()}
            if not users <= self._names.keys():
                self._names |= self._people(dataset)
            yield page(listing, self._names)

    def stored(self, dataset: Remote, task_ids: Collection[str]) -> dict[str, Stored]:
        """Those of the tasks that the server holds, as it holds them."""
        names = {question_id: name for name, question_id in dataset.questions.items()}
        return {
            record["external_id"]: _stored(record, names)
            for listing in self._listings(dataset, include="vectors,suggestions")
            for record in listing.records
            if record["external_id"] in task_ids
        }

    def withdraw(self, dataset: Remote, task_ids: Collection[str]) -> int:
        """Deletes those tasks with what was said of them; returns how many were there."""
        ids = [
            record["id"]
            for listing in self._listings(dataset)
            for record in listing.records
            if record["external_id"] in task_ids
        ]
        for start in range(0, len(ids), MAX_DELETED):
            some = ",".join(ids[start : start + MAX_DELETED])
            self._transport.call("DELETE", f"datasets/{dataset.id}/records", params={"ids": some})
        return len(ids)

    # Below: how

    @cached_property
    def _sdk(self) -> Sdk:
        return Sdk(self._transport, self.url, self._key, self._timeout)

    def _post(self, path: str, body: dict[str, Any]) -> None:
        try:
            self._transport.call("POST", path, body=body)
        except Refusal as refusal:
            # A repeated request finds what the first one made.
            if refusal.status == HTTPStatus.CONFLICT:
                raise Exists(str(refusal), refusal.status, refusal.detail) from refusal
            raise

    def _items(self, path: str, **params: str) -> list[dict[str, Any]]:
        return list(self._transport.call("GET", path, params=params)["items"])

    def _people(self, dataset: Remote) -> dict[str, str]:
        path = "users" if self.role == "owner" else f"workspaces/{self.workspaces()[dataset.workspace]}/users"
        return {user["id"]: user["username"] for user in self._items(path)}

    def _found(self, workspace: str, name: str) -> dict[str, Any] | None:
        known = self.workspaces()
        if workspace not in known:
            return None
        items = self._items("me/datasets", workspace_id=known[workspace], name=name)
        return next((item for item in items if item["name"] == name), None)

    def _settled(self, workspace: str, name: str) -> dict[str, Any] | None:
        """The dataset, once whoever makes it is done; a draft that nobody finishes is thrown away."""
        found = None
        for _ in range(DRAFT_SECONDS):
            found = self._found(workspace, name)
            if found is None or found["status"] == "ready":
                return found
            time.sleep(1)
        if found is not None:
            with contextlib.suppress(Refusal):  # another push was faster
                self._transport.call("DELETE", f"datasets/{found['id']}")
        return None

    def _remote(self, found: dict[str, Any], workspace: str) -> Remote:
        questions = self._items(f"datasets/{found['id']}/questions")
        return Remote(found["id"], workspace, found["name"], {item["name"]: item["id"] for item in questions})

    def _bring_up_to_date(self, found: dict[str, Any], workspace: str, spec: DatasetSpec) -> None:
        """Adds what may be added to a dataset that people already work on; refuses what would change the question."""
        path = f"datasets/{found['id']}"
        vectors = self._agree(found, workspace, spec)
        filters = self._items(f"me/{path}/metadata-properties")
        with contextlib.suppress(Exists):
            for body in missing_metadata(filters, spec):
                self._post(f"{path}/metadata-properties", body)
            for body in missing_vectors(vectors, spec):
                self._post(f"{path}/vectors-settings", body)
        if spec.guidelines and found["guidelines"] != spec.guidelines:
            self._transport.call("PATCH", path, body={"guidelines": spec.guidelines})

    def _agree(self, found: dict[str, Any], workspace: str, spec: DatasetSpec) -> list[dict[str, Any]]:
        """The dataset's vectors, once it is sure that it asks what `spec` does."""
        kinds = ("fields", "questions", "vectors-settings")
        fields, questions, vectors = (self._items(f"datasets/{found['id']}/{kind}") for kind in kinds)
        agree(f"{workspace}/{found['name']}", found, fields, questions, vectors, spec)
        return vectors

    def _listings(self, dataset: Remote, include: str | None = None) -> Iterator[Listing]:
        def fetch(offset: int, limit: int) -> tuple[dict[str, Any], int]:
            params = {"offset": offset, "limit": limit} | ({"include": include} if include else {})
            return self._transport.sized("GET", f"datasets/{dataset.id}/records", params=params)

        return listings(fetch, f"{dataset.workspace}/{dataset.name}")


def _stored(record: dict[str, Any], questions: dict[str, str]) -> Stored:
    """`questions` gives the name of each question's id."""
    vector = (record.get("vectors") or {}).get(VECTOR)
    suggestions = tuple(
        Suggestion(questions[given["question_id"]], given["value"], given["score"], given["agent"] or "")
        for given in record.get("suggestions") or ()
        if given["question_id"] in questions
    )
    return Stored(record["fields"], record.get("metadata") or {}, vector and tuple(vector), suggestions)
