"""Money: amounts as integers of a currency's smallest unit, and as people read them."""

from decimal import Decimal

from schemas.errors import SettingsError

# ISO 4217, list one, column "minor unit", wherever it is not 2.
_CODES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_DIGITS = {code: digits for digits, codes in _CODES.items() for code in codes.split()}

# Signs that are understood without the code; ¥ also stands for CNY and $ for many more, which keep their code.
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩"}

# What a database's 64-bit integer holds, with room to add a thousand such amounts.
_MOST = 2**53


def minor_digits(currency: str) -> int:
    """Decimal places of `currency` by ISO 4217; 2 for a code that is not on the list.

    >>> minor_digits("USD"), minor_digits("JPY"), minor_digits("KWD")
    (2, 0, 3)
    """
    return _DIGITS.get(currency, 2)


def to_minor(amount: Decimal, currency: str) -> int:
    """`amount` in the smallest unit of `currency`, exactly.

    Raises SettingsError for an amount that is finer than that unit, no number, or beyond what is stored.

    >>> to_minor(Decimal("2.50"), "USD"), to_minor(Decimal(500), "JPY")
    (250, 500)
    """
    digits = minor_digits(currency)
    if not amount.is_finite():
        raise SettingsError(f"{amount} is no amount of money; write a number such as 2.50")
    # Compared before it is scaled: 1e999999 would become a number of a million digits.
    if abs(amount) > Decimal(_MOST).scaleb(-digits):
        raise SettingsError(f"{amount:.3e} {currency} is more than the ledger can hold; write a smaller amount")
    _, figures, exponent = amount.as_tuple()
    zeros = len(figures) - len("".join(map(str, figures)).rstrip("0"))
    if any(figures) and int(exponent) + zeros < -digits:
        unit = Decimal(1).scaleb(-digits)
        raise SettingsError(
            f"{amount} {currency} is finer than the smallest unit of {currency}, {unit}; round it to a multiple of that"
        )
    return int(amount.scaleb(digits))


def from_minor(minor: int, currency: str) -> Decimal:
    """The amount that `minor` smallest units of `currency` are.

    >>> from_minor(250, "USD")
    Decimal('2.50')
    """
    return Decimal(minor).scaleb(-minor_digits(currency))


def show(minor: int, currency: str) -> str:
    """An amount as people read it; one that is owed back has its minus first.

    >>> show(123450, "USD"), show(500, "JPY"), show(-100, "USD"), show(300, "CHF")
    ('$1,234.50', '¥500', '-$1.00', 'CHF 3.00')
    """
    sign = _SIGNS.get(currency, f"{currency} ")
    return f"{'-' if minor < 0 else ''}{sign}{from_minor(abs(minor), currency):,f}"
