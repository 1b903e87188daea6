"""A server that starts on a database whose search tables are of older code."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from annotation.server import finding, serve
from schemas.settings import AnnotationSettings

FIELDS = {"prompt": {"type": "text", "use_markdown": False}}
QUESTIONS = {"ok": {"type": "rating", "options": [{"value": 0}, {"value": 1}]}}
OLDER = """
DROP TRIGGER assay_text_{id}_new;
CREATE TRIGGER assay_text_{id}_new AFTER INSERT ON assay_records BEGIN
  INSERT INTO assay_text_{id} (rowid, c0) SELECT new.key, assay_words_0(fields, 'prompt') FROM records; END;
CREATE VIRTUAL TABLE assay_text_00000000000000000000000000000000 USING fts5(c0);
"""


@pytest.mark.slow
def test_a_start_renews_what_older_code_made_so_that_writing_goes_on(
    tmp_path: Path, argilla_settings: AnnotationSettings, shelf_on: Callable[..., Any]
) -> None:
    def start() -> tuple[str, str]:
        serve.start(tmp_path, argilla_settings, port=0, progress=lambda _: None)
        return finding.endpoint(tmp_path)

    try:
        with shelf_on(*start(), fields=FIELDS, questions=QUESTIONS) as shelf:
            shelf.add({"a": {"fields": {"prompt": "early bird"}}})
        serve.stop(tmp_path)
        with closing(sqlite3.connect(tmp_path / "argilla" / "argilla.db")) as direct:
            direct.executescript(OLDER.replace("{id}", shelf.id.replace("-", "")))
        with shelf_on(*start(), again=shelf) as shelf:
            shelf.add({"b": {"fields": {"prompt": "late bird"}}})
            assert shelf.text("bird") == {"a", "b"}
        with closing(sqlite3.connect(tmp_path / "argilla" / "argilla.db")) as direct:
            left = direct.execute("SELECT name FROM sqlite_master WHERE name LIKE 'assay_text_0000%'").fetchall()
        assert left == []
    finally:
        serve.stop(tmp_path)
