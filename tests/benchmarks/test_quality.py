"""The table of quality: its figures on small inputs, and on real labels what it promises."""

import doctest
import re

import pytest

from benchmarks import quality
from benchmarks.figures import met
from benchmarks.labels import curation, figures, grounded, languages, planted, planted_numbers
from benchmarks.labels.figures import Line, found, least, most
from benchmarks.labels.reading import DATA, MissingError

# Measured and not met, and said on the page.
SHORT = {"quality score, near-equal length", "quality score"}


def test_the_figures_are_those_of_their_examples() -> None:
    assert [doctest.testmod(module).failed for module in (figures, grounded, planted_numbers)] == [0, 0, 0]
    assert found([False], [False]).flagged == 0
    assert met(0.5, most(0.5))
    assert not met(float("nan"), least(0.5))


def test_a_line_says_whether_it_is_met() -> None:
    table = quality.written(
        [
            Line("a", "10 rows", "recall", 0.95, ".9", least(0.9)),
            Line("b", "10 rows", "flagged", 0.2, "", most(0.1), "lower is better"),
            Line("c", "10 rows", "recall", 0.5),
        ]
    ).splitlines()
    assert table[2] == "| a | 10 rows | recall | 0.950 | .9 | at least 0.9 | yes |  |"
    assert table[3].endswith("| 0.200 | - | at most 0.1 | no | lower is better |")
    assert table[4].split("|")[6:8] == [" - ", " - "]


# Those that judge all of Alpaca or thousands of texts take minutes together.
LONG = [
    pytest.param(name, marks=pytest.mark.long)
    for name in ("curation", "conduct", "personal", "grounded", "cut", "formats", "constraints", "paired")
]


@pytest.mark.parametrize("subject", ["contamination", "languages", "ranking", *LONG])
def test_on_real_labels_what_is_required_is_met(subject: str) -> None:
    try:
        lines = quality.SUBJECTS[subject](DATA)
    except MissingError as missing:
        pytest.skip(f"the labelled data is not here: {missing}")
    assert lines
    assert not [line for line in lines if line.needed and not met(line.value, line.needed) and line.what not in SHORT]


def test_planted_secrets_are_the_same_each_time_and_none_is_anybodys() -> None:
    once, again = planted.planted(), planted.planted()
    assert once == again
    assert {text.kind for text in once} == {"IBAN", "SSN", "API key", "private key", "JWT", None}
    ibans = [re.sub(r"\W", "", text.text.upper()) for text in once if (text.kind, text.form) == ("IBAN", "compact")]
    assert len(set(ibans)) == planted.EACH


def test_without_data_it_is_said_what_is_missing(tmp_path) -> None:
    for subject in (curation, languages):
        with pytest.raises(MissingError, match="is not there"):
            subject.measure(tmp_path)
