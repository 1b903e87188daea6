"""Gold records: their verdict is known, so that the answers of people can be measured on them."""

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from annotation.asking.domains import GENERAL, KEY
from schemas.decision import VERDICTS, TaskKind
from schemas.errors import SettingsError
from schemas.record import ROLES, Kind

# The other side of schemas.record.MESSAGE.
_TURN = dict.fromkeys(("role", "content", "name", "tool_calls", "tool_call_id", "train"))
_SIDES = ("user", "assistant")
_KEYS = ("prompt", "completion", "messages", "verdict", "reasons", "domain")


class Gold(NamedTuple):
    """A record with a known verdict."""

    record_id: str  # SHA-256 (hex) of the content; also the subject
    messages: tuple[dict[str, Any], ...]  # the last is the assistant's
    verdict: str  # accept, fix or reject
    reasons: tuple[str, ...]  # "family.check" that it fails; they make its hints, as for any other record
    domain: str | None  # null: found by similarity, as for any other record

    def as_row(self) -> dict[str, Any]:
        """The columns of a record under review, null where gold has none."""
        turns = list(self.messages)
        return {
            "record_id": self.record_id,
            "kind": Kind.SFT.value,
            "messages": turns,
            "prompt": _prompt(turns[:-1]),
            "completion": turns[-1]["content"],
            "metadata": orjson.dumps({KEY: self.domain}).decode() if self.domain else None,
            "reasons": list(self.reasons),
            "notes": [],
        }


def read_gold(path: str | Path, *, domains: Collection[str]) -> tuple[Gold, ...]:
    """The gold records of a file of JSON lines, in its order; equal ones once.

    Each line has a `verdict` (accept, fix or reject), and `prompt` and `completion`, or `messages` that end with
    the assistant's answer. It may have `reasons` ("family.check") and a `domain`, one of `domains` or "general".
    Raises SettingsError naming the line for what cannot be read, or for two verdicts on one record.
    """
    found: dict[str, tuple[int, Gold]] = {}
    for number, line in _lines(Path(path)):
        where = f"annotation.gold.file: {path}, line {number}"
        gold = _gold(line, where, (*domains, GENERAL))
        earlier = found.setdefault(gold.record_id, (number, gold))
        if earlier[1].verdict != gold.verdict:
            raise SettingsError(
                f"{where}: says {gold.verdict} of the record that line {earlier[0]} says {earlier[1].verdict} of; "
                "keep one of the two"
            )
    if not found:
        raise SettingsError(f"annotation.gold.file: {path} holds no gold records; add some, or leave the key out")
    return tuple(gold for _, gold in found.values())


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"annotation.gold.file: {path} cannot be read ({error.strerror}); correct the path"
        ) from error
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.strip():
            yield number, line


def _gold(line: bytes, where: str, domains: Collection[str]) -> Gold:
    content = _object(line, where)
    verdict = content.get("verdict")
    allowed = [one.value for one in VERDICTS[TaskKind.RECORD]]
    if verdict not in allowed:
        raise SettingsError(f"{where}: verdict is {_shown(verdict)}; it must be one of {', '.join(allowed)}")
    messages = _messages(content, where)
    domain = content.get("domain")
    if domain is not None and domain not in domains:
        raise SettingsError(f"{where}: domain is {_shown(domain)}; it must be one of {', '.join(domains)}")
    # Where a hash is all that a server gets to see, gold cannot be told from other records.
    digest = hashlib.sha256(orjson.dumps([[turn["role"], turn["content"]] for turn in messages])).hexdigest()
    return Gold(digest, messages, str(verdict), _reasons(content.get("reasons"), where), domain)


def _object(line: bytes, where: str) -> dict[str, Any]:
    try:
        content = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise SettingsError(f"{where}: is not JSON ({str(error)[:80]}); write one JSON object a line") from error
    if not isinstance(content, dict):
        raise SettingsError(f"{where}: is not a JSON object; write prompt, completion and verdict in one")
    for key in content:
        if key not in _KEYS:
            raise SettingsError(f"{where}: unknown key {_shown(key)}; keys are {', '.join(_KEYS)}")
    return content


def _messages(content: dict[str, Any], where: str) -> tuple[dict[str, Any], ...]:
    given = content.get("messages")
    names: tuple[str, ...] = ()
    if given is None:
        names = ("prompt", "completion")
        given = [{"role": role, "content": content.get(name)} for role, name in zip(_SIDES, names, strict=True)]
    if not isinstance(given, list) or not given:
        raise SettingsError(f"{where}: messages must be a list of turns with role and content")
    for place, turn in enumerate(given):
        name = names[place] if names else f"messages[{place}]"
        if not isinstance(turn, dict) or turn.get("role") not in ROLES:
            raise SettingsError(f"{where}: {name} must have a role ({', '.join(ROLES)}) and a content")
        if not isinstance(turn.get("content"), str) or not turn["content"].strip():
            raise SettingsError(f"{where}: {name} must be a text that is not empty")
    if given[-1]["role"] != "assistant":
        raise SettingsError(f"{where}: the last message must be the assistant's, which is what people judge")
    return tuple(_TURN | {"role": turn["role"], "content": turn["content"]} for turn in given)


def _reasons(given: Any, where: str) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given, list) or not all(isinstance(reason, str) and "." in reason for reason in given):
        raise SettingsError(f'{where}: reasons is {_shown(given)}; give a list of "family.check"')
    return tuple(dict.fromkeys(given))


def _prompt(turns: list[dict[str, Any]]) -> str:
    """As of any record: one question as it stands, longer talk with the role before each turn."""
    roles = [turn["role"] for turn in turns]
    if roles in ([], ["user"], ["system"], ["system", "user"]):
        return "\n\n".join(turn["content"] for turn in turns)
    return "\n\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)


def _shown(value: Any) -> str:
    return repr(value)[:60]
