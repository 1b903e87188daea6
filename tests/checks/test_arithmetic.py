"""Equations that do not hold are found; whatever is no plain equation is left alone."""

import pytest

from checks._arithmetic import wrong_equations

WRONG = [
    "7 x 8 = 54",
    "12 + 30 = 52",
    "732/26 = 28.308",
    "$2.25 + $1.13 + $1.80 = $4.45",
    "11 * 21 + 84 = 233",
    "3 * 4 * 5 * 6 * 7 * 8 * 9 = 5,040",
    "108/6 = 18.5",
    "4 - 5 = 1",
    "1,000 + 1 = 10,001",
]
RIGHT = [
    "2 + 3 * 4 = 14",
    "10 / 3 = 3.33",
    "10 / 3 = 3.34",  # rounded up: not wrong enough
    "17 / 4 = 4",
    "1 − 3 = -2",
    "-100 + 150 = 50",
    "1,000 x $50 = $50,000",
    "4x12 = 48",
    "5 / 0 = 7",
    "10/2 = 5 and 6 ÷ 4 = 1.5",
]
NO_EQUATION = [
    "2x + 3 = 9",
    "x = 2 + 3 - y = 9",
    "(3 + 7) / 2 = 9",
    "5 x 9 =\n2. 9 x 5 =",
    "17 / 4 = 4 R 1",
    "1 + 3 + 1/2 + 1 1/2 + 2 = 8",
    "3 1/2 - 2 = 1 1/2",
    "(1/2) 278 + 11 = 150",
    "$350 000 + $17500 = $367 500",
    "17 / 4 = 4 and 1/4",
    "2^3 + 1 = 4",
    "50% + 1 = 4",
    "1 + 1 = 10b",
    "3 + 4 = 2 + 9",
    "2024-01-02 = 5",
    "v1.2.3 - 4 = 9",
    "",
    "=",
    "9" * 500 + " + 1 = 3",
]


@pytest.mark.parametrize("text", WRONG)
def test_wrong_ones_are_found(text: str) -> None:
    assert wrong_equations(f"So {text}.") == [text]


@pytest.mark.parametrize("text", [*RIGHT, *NO_EQUATION])
def test_others_are_not(text: str) -> None:
    assert wrong_equations(text) == []


def test_what_the_prompt_gives_is_not_the_answers_fault() -> None:
    assert wrong_equations("False: 3 + 8 = 10 is wrong.", "True or false? 3 + 8 = 10") == []


def test_a_megabyte_of_digits_and_signs_ends() -> None:
    assert wrong_equations("1+" * 500_000 + "1 = 2") == []
    assert wrong_equations("1 + 1 = 2 " * 50_000) == []
