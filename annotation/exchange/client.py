"""The Argilla server, as Assay uses it: workspaces, people, datasets, records and responses."""

import contextlib
import secrets
import weakref
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Self

from annotation.asking.questions import DatasetSpec
from annotation.asking.tasks import Suggestion, Task
from annotation.exchange.batches import VECTOR, Encoded, Refused, Sent, batches, encoded, send
from annotation.exchange.remote import Datasets, Remote
from annotation.exchange.responses import Listing, Page, listings, page
from annotation.exchange.sdk import Sdk
from annotation.exchange.transport import Exists, Transport
from schemas.errors import AnnotationError

# The first server with chat fields, and the first that is not made yet.
OLDEST, TOO_NEW = (2, 4), (3,)
# A batch of 500 records with vectors takes 2 s on two cores; the rest is for a loaded server.
TIMEOUT = 120.0
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
        weakref.finalize(self, self._transport.close)  # for who forgets to
        try:
            self._check_version(str(self._transport.first("version").get("version")))
            me = self._transport.first("me")
            self.username, self.role = str(me.get("username")), str(me.get("role"))
            self._check_role()
        except BaseException:
            self.close()
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
        return {item["name"]: item["id"] for item in self._transport.items("me/workspaces")}

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
        inside = {user["username"] for user in self._transport.items(f"workspaces/{workspace}/users")}
        wanted = [name for name in usernames if name not in inside]
        if not wanted or self.role != "owner":  # an admin can neither see nor move people
            return wanted
        known = {user["username"]: user["id"] for user in self._transport.items("users")}
        for name in wanted:
            if name in known:
                with contextlib.suppress(Exists):
                    self._transport.make(f"workspaces/{workspace}/users", {"user_id": known[name]})
        return [name for name in wanted if name not in known]

    def ensure_user(self, username: str, *, role: str = "annotator") -> Account | None:
        """Makes an account with a random password; null where there is one of that name."""
        password = secrets.token_urlsafe(16)
        try:
            self._sdk.make_user(username, password, role)
        except Exists:
            return None
        users = {user["username"]: user["api_key"] for user in self._transport.items("users")}
        return Account(username, password, users[username])

    # Datasets

    def find_dataset(self, workspace: str, name: str) -> Remote | None:
        """The published dataset of that name; null where there is none."""
        return self._datasets.find(self.workspaces().get(workspace), workspace, name)

    def check_dataset(self, workspace: str, name: str, spec: DatasetSpec) -> None:
        """Raises AnnotationError where there is such a dataset and it asks something else. Makes nothing."""
        self._datasets.check(self.workspaces().get(workspace), workspace, name, spec)

    def ensure_dataset(self, workspace: str, name: str, spec: DatasetSpec) -> Remote:
        """The dataset, made where it is missing. Raises AnnotationError where it asks something else."""
        return self._datasets.ensure(self.ensure_workspace(workspace), workspace, name, spec)

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
                good.append(encoded(task, dataset.questions, dataset.domains))
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

    def withdraw(self, dataset: Remote, task_ids: Collection[str], *, answered: bool = True) -> set[str]:
        """Deletes those tasks with what was said of them; unless `answered` those of which nothing was said.

        Returns those that the server holds still, because something was said of them.
        """
        ids: list[str] = []
        left: set[str] = set()
        for listing in self._listings(dataset, include="responses"):
            told = [(record, bool(record.get("responses"))) for record in listing.records]
            for record, has_answers in (*told, *((record, True) for record, _ in listing.unreadable)):
                if record["external_id"] in task_ids and has_answers and not answered:
                    left.add(record["external_id"])
                elif record["external_id"] in task_ids:
                    ids.append(record["id"])
        for start in range(0, len(ids), MAX_DELETED):
            some = ",".join(ids[start : start + MAX_DELETED])
            self._transport.call("DELETE", f"datasets/{dataset.id}/records", params={"ids": some})
        return left

    # Below: how

    @cached_property
    def _sdk(self) -> Sdk:
        sdk = Sdk(self._transport, self.url, self._key, self._timeout)
        weakref.finalize(self, sdk.close)
        return sdk

    @cached_property
    def _datasets(self) -> Datasets:
        # The SDK takes a second to import, and only those who make something need it.
        return Datasets(self._transport, lambda *order: self._sdk.make_dataset(*order))

    def _people(self, dataset: Remote) -> dict[str, str]:
        path = "users" if self.role == "owner" else f"workspaces/{self.workspaces()[dataset.workspace]}/users"
        return {user["id"]: user["username"] for user in self._transport.items(path)}

    def _listings(self, dataset: Remote, include: str | None = None) -> Iterator[Listing]:
        path = f"datasets/{dataset.id}/records"

        def bare(offset: int, limit: int) -> tuple[dict[str, Any], int]:
            return self._transport.sized("GET", path, params={"offset": offset, "limit": limit})

        def fetch(offset: int, limit: int) -> tuple[dict[str, Any], int]:
            return self._transport.sized("GET", path, params={"offset": offset, "limit": limit, "include": include})

        name = f"{dataset.workspace}/{dataset.name}"
        return listings(fetch, name, bare) if include else listings(bare, name)


def _stored(record: dict[str, Any], questions: dict[str, str]) -> Stored:
    """`questions` gives the name of each question's id."""
    vector = (record.get("vectors") or {}).get(VECTOR)
    suggestions = tuple(
        Suggestion(questions[given["question_id"]], given["value"], _one(given["score"]), given["agent"] or "")
        for given in record.get("suggestions") or ()
        if given["question_id"] in questions
    )
    return Stored(record["fields"], record.get("metadata") or {}, vector and tuple(vector), suggestions)


def _one(score: float | list[float] | None) -> float | None:
    """Of several values all have the same score: see batches.encoded."""
    return next(iter(score), None) if isinstance(score, list) else score
