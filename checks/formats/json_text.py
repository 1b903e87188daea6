"""JSON in an answer, and JSON Schemas in a prompt that it is to follow."""

import json
import re
from collections.abc import Iterator
from typing import Any

import orjson

from checks.formats.snippets import fenced

TAGS = frozenset({"json", "jsonl", "ndjson", "geojson", "jsonlines"})
# "as JSON", "into a JSON object", "Return a valid JSON array".
ASKED = (
    r"(?i)\b(?:in|as|into|to|return|output|produce|generate|create|write|construct|provide|give|make|build|format"
    r"|(?:respond|reply|answer) with)\s+(?:[\w-]+\s+){0,3}?json\b(?!\s*(?:schema|parser|api|file))"
)
# Whoever is to write a program that makes JSON, or to explain it, writes no JSON.
_ELSE = (
    r"(?i)\b(?:functions?|scripts?|programs?|class(?:es)?|methods?|apis?|python|java(?:script)?|php|ruby|node|react"
    r"|parse[rs]?|curl|command|how|what|which|why|explain|describe|algorithm|query|dictionary|regex|app|application)\b"
    r"|(?<!json )(?<!xml )(?<!html )code\b"
)
# An object of members, or a list of such objects: JSON as it stands, whatever was asked for.
_PLAIN = r"\s*(?:\{\s*|\[\s*\{\s*)\"(?:[^\"\\\n]|\\.)*\"\s*:"
# From the first bracket to the last: what a prompt brings along, whose words are about something else.
_DATA = re.compile(r"[{\[].*[}\]]", re.S)
_ASKED, _ELSE_ASKED, _IS_PLAIN = re.compile(ASKED), re.compile(_ELSE), re.compile(_PLAIN)
_OPENED = re.compile(r"\s*[\[{]")

# A prompt's opening brackets that are tried for a schema, and references that are followed for one value.
MAX_OBJECTS = 100
MAX_REFERENCES = 10_000
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_UNTRIED = frozenset({"patternProperties", "unevaluatedProperties", "unevaluatedItems"})


def holds_json(answer: str, prompt: str) -> bool | None:
    """Whether all JSON of the answer can be read; null where it has none and is not to have any."""
    if not answer.strip():
        return None
    pieces = list(_pieces(answer, asks_for_json(prompt), _tells_of_else(prompt)))
    if pieces:
        return all(values(piece) is not None for piece in pieces)
    # Asked for and not there. Where other code is there, the request was about that.
    return False if asks_for_json(prompt) and not fenced(answer) else None


def asks_for_json(prompt: str) -> bool:
    """Whether the answer is to be JSON, rather than a program or a text about it."""
    return _ASKED.search(prompt) is not None and not _tells_of_else(prompt)


def _tells_of_else(prompt: str) -> bool:
    """Whether the prompt, data in it aside, speaks of programs or asks for words."""
    return _ELSE_ASKED.search(_DATA.sub("", prompt)) is not None


def values(text: str) -> list[Any] | None:
    """The JSON value that the text is, or the values behind one another, JSON lines among them; null for other texts.

    Strictly: no NaN, no comma before a bracket, no comment. Nested more than 1,024 deep it is not read.

    >>> values('{"a": 1}'), values('[1]\\n[2]'), values("{'a': 1}")
    ([{'a': 1}], [[1], [2]], None)
    """
    try:
        return [orjson.loads(text)]
    except orjson.JSONDecodeError:
        pass
    try:
        several = list(_values(text))
    except (ValueError, RecursionError):
        return None
    # One value that only the laxer reader takes is none.
    return several if len(several) > 1 else None


def _values(text: str) -> Iterator[Any]:
    """The values one behind the other. Raises ValueError where something else stands there."""
    decoder = json.JSONDecoder(parse_constant=_refuse)
    place, end = 0, len(text.rstrip())
    while place < end:
        if not (opened := _OPENED.match(text, place)):
            raise ValueError(f"no object or list at {place}")
        value, place = decoder.raw_decode(text, opened.end() - 1)
        yield value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _pieces(answer: str, asked: bool, excused: bool = False) -> Iterator[str]:
    """What is JSON, by its tag, by what was asked for, or by its looks where nothing excuses it from being JSON."""
    blocks = fenced(answer)
    if tagged := [block.text for block in blocks if block.language in TAGS]:
        yield from tagged
    elif blocks:
        yield from (b.text for b in blocks if not b.language and _seems_json(b.text, asked, excused))
    elif _seems_json(answer, asked, excused):
        yield answer
    elif asked and (inner := _inner(answer)):
        yield inner


def _seems_json(text: str, asked: bool, excused: bool) -> bool:
    if asked:
        return _OPENED.match(text) is not None and text.rstrip()[-1] in "]}"
    # Another language's literal looks the same, and may be no JSON with every right.
    return _IS_PLAIN.match(text) is not None and text.rstrip()[-1] in "]}" and not excused


def _inner(answer: str) -> str:
    """From the first bracket to the last: what an answer in words has between them."""
    first = min((place for sign in "{[" if (place := answer.find(sign)) >= 0), default=-1)
    last = max(answer.rfind("}"), answer.rfind("]"))
    return answer[first : last + 1] if 0 <= first < last else ""


def follows_schema(answer: str, prompt: str) -> bool | None:
    """Whether all JSON of the answer is valid against the JSON Schema in the prompt.

    Null where the prompt has no schema or one that is invalid or cannot be tried, and where the answer has no JSON
    that can be read or is a schema itself.
    """
    if (schema := schema_in(prompt)) is None:
        return None
    read = [values(piece) for piece in _pieces(answer, asked=True)]
    if not read or None in read:
        return None
    said = [is_valid(value, schema) for one in read for value in one or ()]
    return None if None in said or any(is_schema(value) for one in read for value in one or ()) else all(said)


def schema_in(prompt: str) -> dict[str, Any] | None:
    """The first JSON object of the text that is a JSON Schema; null where there is none."""
    decoder, place = json.JSONDecoder(), -1
    for _ in range(MAX_OBJECTS):
        if (place := prompt.find("{", max(place, 0))) < 0:
            return None
        try:
            value, place = decoder.raw_decode(prompt, place)
        except (ValueError, RecursionError):
            place += 1
        else:
            if is_schema(value):
                return dict(value)
    return None


def is_schema(value: Any) -> bool:
    """Whether it says that it is a schema, or describes an object's members or a list's items."""
    if not isinstance(value, dict):
        return False
    described = {"object": "properties", "array": "items"}.get(str(value.get("type")), "")
    return isinstance(value.get("$schema"), str) or isinstance(value.get(described), dict)


def is_valid(value: Any, schema: dict[str, Any]) -> bool | None:
    """Whether the value is valid against the schema; null where the schema is invalid or cannot be tried.

    Nothing is fetched: a reference to elsewhere cannot be followed. Patterns are tried by an engine that takes linear
    time, which knows no looking around; a schema whose keywords try them otherwise is not tried, nor one that refers
    in circles or doubles itself.
    """
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        kind = validator_for(schema, default=_draft())
        kind.check_schema(schema)
        if _has_key(schema, _UNTRIED):
            return None
        bounded = _bounded(kind)
        return bool(bounded(schema, registry=Registry()).is_valid(value))
    except (SchemaError, Unresolvable, _NotTriedError, RecursionError, ValueError, TypeError):
        return None


class _NotTriedError(Exception):
    """The schema asks for more than is done for it."""


def _draft() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator


def _has_key(value: Any, keys: frozenset[str]) -> bool:
    if isinstance(value, dict):
        return not keys.isdisjoint(value) or any(_has_key(one, keys) for one in value.values())
    return isinstance(value, list) and any(_has_key(one, keys) for one in value)


def _bounded(kind: Any) -> Any:
    """The validator's class with references that are counted and patterns of another engine."""
    from jsonschema.validators import extend

    left = MAX_REFERENCES

    def counted(keyword: Any) -> Any:
        def follow(validator: Any, reference: Any, instance: Any, schema: Any) -> Iterator[Any]:
            nonlocal left
            left -= 1
            if left < 0:
                raise _NotTriedError
            yield from keyword(validator, reference, instance, schema)

        return follow

    references = {name: counted(kind.VALIDATORS[name]) for name in _REFERENCES if name in kind.VALIDATORS}
    return extend(kind, {**references, "pattern": _pattern})  # type: ignore[no-untyped-call]


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
    import polars as pl
    from jsonschema import ValidationError

    if not isinstance(instance, str):
        return
    try:
        matches = pl.Series([instance]).str.contains(pattern)[0]
    except pl.exceptions.ComputeError as error:
        raise _NotTriedError from error
    if not matches:
        yield ValidationError("does not match")
