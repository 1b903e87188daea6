"""Argilla's filters and sort orders as SQL about `m`, a row of assay_records."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from argilla_server.search_engine import (
    AndFilter,
    MetadataFilterScope,
    Order,
    RangeFilter,
    RecordFilterScope,
    ResponseFilterScope,
    SuggestionFilterScope,
    TermsFilter,
)

from . import values
from .sql import EVERYTHING, NOTHING, Sql, either, every, sql
from .values import NUMBER_FUNCTION, ValueMeaningError

NUMBERS, TEXTS, TIMES = "numbers", "texts", "times"

# How the values of a question or metadata property compare; of the other types, values are not searchable.
_KINDS = {
    "rating": NUMBERS,
    "label_selection": TEXTS,
    "multi_label_selection": TEXTS,
    "integer": NUMBERS,
    "float": NUMBERS,
    "terms": TEXTS,
}
_RECORD = {
    "id": ("m.record_id", TEXTS),
    "external_id": ("m.external_id", TEXTS),
    "status": ("m.status", TEXTS),
    "inserted_at": ("m.inserted_at", TIMES),
    "updated_at": ("m.updated_at", TIMES),
}
# A value inside JSON, `v` of json_each: lists count with each item, objects not at all.
_IN_JSON = {
    NUMBERS: (
        f"CASE WHEN v.type IN ('integer', 'real') THEN v.value WHEN v.type = 'text' THEN {NUMBER_FUNCTION}(v.value) END"
    ),
    TEXTS: (
        "CASE WHEN v.type = 'text' THEN v.value WHEN v.type IN ('true', 'false') THEN v.type "
        "WHEN v.type IN ('integer', 'real') THEN CAST(v.value AS TEXT) END"
    ),
}


class Question(NamedTuple):
    """A question's id as the database has it, and its type."""

    id: str
    type: str


class Names(NamedTuple):
    """What the names in filters stand for: a dataset's questions, and its metadata properties' types."""

    questions: dict[str, Question]
    properties: dict[str, str]


class _Values(NamedTuple):
    """Where a scope's values are: rows to look through, the value in them, and how values compare.

    `source` is what stands behind FROM, up to and including its own conditions.
    """

    source: Sql | None
    value: str
    kind: str


def condition(wanted: Any, names: Names) -> Sql:
    """A filter as a condition. Raises ValueMeaningError on a value or scope that cannot be compared."""
    if isinstance(wanted, AndFilter):
        return every([condition(one, names) for one in wanted.filters])
    scope = wanted.scope
    if isinstance(scope, ResponseFilterScope) and scope.question is None:
        return _response_status(wanted)
    place = _place(scope, names)
    if place is None:
        return NOTHING
    compared = _compared(place, wanted)
    if place.source is None:
        return compared
    if isinstance(scope, SuggestionFilterScope):
        # From the suggestions to the records: one question's are fewer than all records have.
        return sql("m.record_id IN (SELECT s.record_id FROM {} AND {})", place.source, compared)
    return sql("EXISTS (SELECT 1 FROM {} AND {})", place.source, compared)


def metadata_values(property_name: str) -> Sql:
    """The values that a record has of a metadata property, as rows `v`."""
    return sql("json_each(m.metadata, {}) v", _path(property_name))


def in_json(property_type: str) -> str:
    """A row `v` of json_each as a value of that metadata property type, null where it is none."""
    return _IN_JSON[_KINDS[property_type]]


def order(wanted: Sequence[Order], names: Names) -> list[Sql]:
    """Sort orders as the parts of an ORDER BY: of several values the first in that order, records without one last.

    Numbers of responses are averaged, over all users where none is named.
    """
    return [sql(f"{{}} {'DESC' if one.order == 'desc' else 'ASC'} NULLS LAST", _sorted(one, names)) for one in wanted]


def _sorted(one: Order, names: Names) -> Sql:
    scope = one.scope
    if isinstance(scope, ResponseFilterScope) and scope.question is None:
        users = sql("AND x.user_id = {}", scope.user.id.hex) if scope.user else Sql("")
        return sql("(SELECT min(x.status) FROM responses x WHERE x.record_id = m.record_id {})", users)
    place = _place(scope, names)
    if place is None:
        return Sql("NULL")
    if place.source is None:
        return Sql(place.value)
    pick = "max" if one.order == "desc" else "min"
    if isinstance(scope, ResponseFilterScope) and place.kind == NUMBERS:
        pick = "avg"
    if isinstance(scope, SuggestionFilterScope):
        found = sql(f"(SELECT {pick}({place.value}) FROM {{}} AND s.record_id = m.record_id)", place.source)
        return _one_score(names.questions[scope.question].id, found) if scope.property == "score" else found
    return sql(f"(SELECT {pick}({place.value}) FROM {{}})", place.source)


def _one_score(question_id: str, several: Sql) -> Sql:
    """A suggestion's score. One number is what nearly all have, and a column of JSON keeps it as such: read that."""
    one = sql("SELECT s.score FROM suggestions s WHERE s.question_id = {} AND s.record_id = m.record_id", question_id)
    return sql("CASE WHEN typeof(({})) IN ('integer', 'real') THEN ({}) ELSE {} END", one, one, several)


def _place(scope: Any, names: Names) -> _Values | None:
    """Where the values of a scope are; null when values of that type are not searchable."""
    if isinstance(scope, RecordFilterScope):
        return _Values(None, *_RECORD[str(scope.property)])
    if isinstance(scope, MetadataFilterScope):
        kind = _KINDS[names.properties[scope.metadata_property]]
        return _Values(sql("{} WHERE 1", metadata_values(scope.metadata_property)), _IN_JSON[kind], kind)
    question = names.questions[scope.question]
    if isinstance(scope, SuggestionFilterScope):
        return _suggestions(scope.property, question)
    if question.type not in _KINDS:
        return None
    kind = _KINDS[question.type]
    users = sql("AND x.user_id = {}", scope.user.id.hex) if scope.user else Sql("")
    source = sql(
        'responses x, json_each(x."values", {}) v WHERE x.record_id = m.record_id {}',
        f"{_path(scope.question)}.value",
        users,
    )
    return _Values(source, _IN_JSON[kind], kind)


def _suggestions(what: str, question: Question) -> _Values | None:
    if what in ("agent", "type"):
        return _Values(sql("suggestions s WHERE s.question_id = {}", question.id), f"s.{what}", TEXTS)
    kind = NUMBERS if what == "score" else _KINDS.get(question.type)
    if kind is None:
        return None
    column = "score" if what == "score" else "value"
    return _Values(
        sql(f"suggestions s, json_each(s.{column}) v WHERE s.question_id = {{}}", question.id), _IN_JSON[kind], kind
    )


def _compared(place: _Values, wanted: Any) -> Sql:
    if isinstance(wanted, TermsFilter):
        return sql(f"({place.value}) IN {{}}", _meanings(place, wanted.values))
    assert isinstance(wanted, RangeFilter)
    bounds = [(">=", wanted.ge), ("<=", wanted.le)]
    return every(
        sql(f"({place.value}) {sign} {{}}", _bound(place, bound, last=sign == "<="))
        for sign, bound in bounds
        if bound is not None
    )


def _meanings(place: _Values, given: Sequence[str]) -> list[Any]:
    if place.kind == NUMBERS:
        return values.numbers(given)
    if place.kind == TIMES:
        return [values.moment(value) for value in given]
    return [_identifier(value) if place.value == "m.record_id" else value for value in values.texts(given)]


def _bound(place: _Values, bound: Any, *, last: bool) -> Any:
    if place.kind == TIMES:
        return values.moment(bound, last=last)
    return _meanings(place, [bound])[0]


def _identifier(text: str) -> str:
    return text.strip().replace("-", "").lower()


def _response_status(wanted: Any) -> Sql:
    scope = wanted.scope
    if scope.property != "status" or not isinstance(wanted, TermsFilter):
        raise ValueMeaningError("of responses, the status is filtered by terms, or the answer to a named question")
    mine = sql("x.record_id = m.record_id {}", sql("AND x.user_id = {}", scope.user.id.hex) if scope.user else Sql(""))
    statuses = values.texts(wanted.values)
    choices = []
    if "pending" in statuses:
        choices.append(sql("NOT EXISTS (SELECT 1 FROM responses x WHERE {})", mine))
    if others := [status for status in statuses if status != "pending"]:
        choices.append(sql("EXISTS (SELECT 1 FROM responses x WHERE {} AND x.status IN {})", mine, others))
    return either(choices) if choices else EVERYTHING


def _path(name: str) -> str:
    # Names are lower-case letters, digits, - and _; JSON's way of quoting serves if that ever changes.
    return f"$.{json.dumps(name)}"
