"""The examples in the engine's docstrings: its folder is left out where pytest collects them."""

import doctest
import json
import sqlite3

import pytest

from annotation.server.embedded import query_text, sql, tables, values, vectors, words


@pytest.mark.parametrize("module", [query_text, sql, values, vectors, words], ids=lambda module: module.__name__)
def test_the_examples_hold(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted
    assert not result.failed


def test_every_table_is_made_again_when_the_rule_for_words_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    before = tables.text("ab", ["prompt"]).objects
    monkeypatch.setattr(tables, "WORDS_FUNCTION", "assay_words_next")
    assert tables.text("ab", ["prompt"]).objects != before


@pytest.mark.parametrize("name", ["it's", 'a"b', "a);--"])
def test_field_names_are_quoted(name: str) -> None:
    table = tables.text("ab", [name])
    with sqlite3.connect(":memory:") as connection:
        for statement in (
            "CREATE TABLE records (id, dataset_id, fields, status, external_id, inserted_at, updated_at, metadata)",
            *tables.RECORDS.objects.values(),
            *table.objects.values(),
        ):
            connection.execute(statement)
        connection.create_function(tables.WORDS_FUNCTION, 2, words.stored_words, deterministic=True)
        fields = json.dumps({name: "Some Words"})
        connection.execute("INSERT INTO records VALUES ('r', 'ab', ?, 'pending', NULL, '', '', NULL)", (fields,))
        assert connection.execute("SELECT c0 FROM assay_text_ab").fetchall() == [("some words",)]
    connection.close()
