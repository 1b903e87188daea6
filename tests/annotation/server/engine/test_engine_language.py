"""The query language against a plain evaluation: words, phrases, operators, in a real FTS5 table."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from annotation.server.embedded.query_text import QueryError, expression, parse
from annotation.server.embedded.words import words

VOCABULARY = ["red", "redder", "blue", "東京", "é", "x1"]
TEXTS = st.lists(st.lists(st.sampled_from(VOCABULARY), max_size=5).map(" ".join), min_size=1, max_size=6)

Truth = Callable[[list[str]], bool]


class Question(NamedTuple):
    """A query as it is typed, and whether it holds for a text's words."""

    typed: str
    holds: Truth


def contains(wanted: list[str]) -> Truth:
    return lambda found: any(found[at : at + len(wanted)] == wanted for at in range(len(found)))


def word(text: str) -> Question:
    return Question(text, contains(words(text)))


def beginning(text: str) -> Question:
    return Question(f"{text}*", lambda found: any(one.startswith(text) for one in found))


def phrase(texts: list[str]) -> Question:
    return Question(f'"{" ".join(texts)}"', contains(words(" ".join(texts))))


def negation(part: Question) -> Question:
    return Question(f"-({part.typed})", lambda found: not part.holds(found))


def together(parts: list[Question], sign: str) -> Question:
    judge: Any = any if sign == " | " else all
    typed = sign.join(f"({part.typed})" for part in parts)
    return Question(typed, lambda found: judge(part.holds(found) for part in parts))


QUESTIONS = st.recursive(
    st.one_of(
        st.sampled_from(VOCABULARY).map(word),
        st.sampled_from(["r", "re", "redd", "blu", "x"]).map(beginning),
        st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=3).map(phrase),
    ),
    lambda inner: st.one_of(
        inner.map(negation),
        st.builds(together, st.lists(inner, min_size=1, max_size=4), st.sampled_from([" ", " + ", " | "])),
    ),
    max_leaves=12,
)


def search(texts: list[str], query: str) -> set[int]:
    """The places of the texts that the engine's own steps find."""
    node = parse(query)
    everything = set(range(len(texts)))
    if node is None:
        return set()
    match = expression(node)
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE VIRTUAL TABLE t USING fts5(c0, tokenize = 'ascii')")
        stored = [(place, " ".join(words(text))) for place, text in enumerate(texts)]
        connection.executemany("INSERT INTO t (rowid, c0) VALUES (?, ?)", stored)
        found = connection.execute("SELECT rowid FROM t WHERE t MATCH ?", (match.expression or '"\u0001"',)).fetchall()
    connection.close()
    places = {place for (place,) in found} if match.expression else set()
    return everything - places if match.negated else places


@given(TEXTS, QUESTIONS)
def test_a_query_finds_what_its_boolean_expression_says(texts: list[str], question: Question) -> None:
    assert search(texts, question.typed) == {place for place, text in enumerate(texts) if question.holds(words(text))}


@given(
    TEXTS, st.lists(st.tuples(st.sampled_from([" ", "|", "+"]), st.sampled_from(VOCABULARY)), min_size=1, max_size=8)
)
def test_operators_bind_alike_from_the_left(texts: list[str], chain: list[tuple[str, str]]) -> None:
    typed = "".join(f" {sign} {one}" for sign, one in chain)

    def holds(found: list[str]) -> bool:
        result = contains(words(chain[0][1]))(found)
        for sign, one in chain[1:]:
            here = contains(words(one))(found)
            result = (result or here) if sign == "|" else (result and here)
        return result

    assert search(texts, typed) == {place for place, text in enumerate(texts) if holds(words(text))}


@given(st.text(alphabet=st.one_of(st.sampled_from('"()|+-*\\~ ab東é\x00'), st.characters())), TEXTS)
def test_whatever_is_typed_is_answered_or_refused(typed: str, texts: list[str]) -> None:
    with suppress(QueryError):
        assert search(texts, typed) <= set(range(len(texts)))


@given(st.text(), st.text())
def test_a_text_is_found_by_its_own_words(before: str, after: str) -> None:
    text = f"{before} anchor {after}"
    quoted = text.replace("\\", " ").replace('"', " ")
    assert search([text, "anchor nothing else"], f'"{quoted}"') >= {0}
