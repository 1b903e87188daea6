"""Amounts are exact: what goes into smallest units comes out again, and what does not fit is refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.spending.money import from_minor, minor_digits, show, to_minor
from schemas.errors import SettingsError

CURRENCIES = st.sampled_from(["USD", "EUR", "JPY", "KRW", "VND", "CLP", "KWD", "BHD", "TND", "CLF", "XYZ"])


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("2", "USD", 200),
        ("2.5", "USD", 250),
        ("2.500", "USD", 250),
        ("0", "USD", 0),
        ("0.000", "JPY", 0),
        ("1E+3", "USD", 100_000),
        ("500", "JPY", 500),
        ("500.0", "JPY", 500),
        ("1500", "KRW", 1500),
        ("0.125", "KWD", 125),
        ("1.2345", "CLF", 12345),
        ("-3.20", "CHF", -320),
    ],
)
def test_an_amount_is_counted_in_the_smallest_unit_of_its_currency(amount: str, currency: str, minor: int) -> None:
    assert to_minor(Decimal(amount), currency) == minor


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [
        ("2.005", "USD", "2.005 USD is finer than the smallest unit of USD, 0.01; round it"),
        ("0.5", "JPY", "0.5 JPY is finer than the smallest unit of JPY, 1; round it"),
        ("0.0001", "KWD", "0.001"),
        ("1." + "0" * 40 + "1", "USD", "finer than the smallest unit"),
        ("1E-999999", "USD", "finer than the smallest unit"),
        ("1E+999999", "USD", "more than the ledger can hold"),
        ("1E+16", "JPY", "more than the ledger can hold"),
        ("NaN", "USD", "NaN is no amount of money"),
        ("-Infinity", "USD", "-Infinity is no amount of money"),
    ],
)
def test_an_amount_that_cannot_be_counted_exactly_is_refused(amount: str, currency: str, said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        to_minor(Decimal(amount), currency)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (123_450, "USD", "$1,234.50"),
        (500, "JPY", "¥500"),
        (200, "EUR", "€2.00"),
        (300, "CHF", "CHF 3.00"),
        (-100, "USD", "-$1.00"),
        (-5, "CHF", "-CHF 0.05"),
        (0, "USD", "$0.00"),
        (1_234_567, "KWD", "KWD 1,234.567"),
        (10**12, "CNY", "CNY 10,000,000,000.00"),
    ],
)
def test_people_read_amounts_with_sign_and_thousands(minor: int, currency: str, text: str) -> None:
    assert show(minor, currency) == text


@given(st.integers(-(2**53), 2**53), CURRENCIES)
def test_there_and_back_is_the_same_amount(minor: int, currency: str) -> None:
    assert to_minor(from_minor(minor, currency), currency) == minor


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9), CURRENCIES)
def test_an_amount_is_exact_or_refused_never_rounded(amount: Decimal, currency: str) -> None:
    exact = amount == round(amount, minor_digits(currency))
    if exact:
        assert from_minor(to_minor(amount, currency), currency) == amount
    else:
        with pytest.raises(SettingsError, match="finer"):
            to_minor(amount, currency)


@given(st.integers(-(2**60), 2**60), CURRENCIES)
def test_what_is_shown_says_exactly_the_amount(minor: int, currency: str) -> None:
    digits = show(minor, currency).replace(",", "").lstrip("-")
    figures = "".join(sign for sign in digits if sign.isdigit())
    assert int(figures) == abs(minor)
    assert show(minor, currency).startswith("-") == (minor < 0)
