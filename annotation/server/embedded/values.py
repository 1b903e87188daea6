"""What the values of filters mean. They arrive as texts ("4" for a rating), as Elasticsearch would take them."""

import math
from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

NUMBER_FUNCTION = "assay_number_1"

Number = int | float

_INT64 = 2**63


class ValueMeaningError(ValueError):
    """A value that cannot mean what its filter compares. The message is for whoever sent it."""


def number_of(text: str) -> Number | None:
    """The number that a text is, as integers may be stored ("00003"); null when it is none. Never raises.

    >>> number_of("00003"), number_of(" 2.5e1 "), number_of("3 apples"), number_of("nan")
    (3, 25.0, None, None)
    """
    try:
        found = _number(text)
    except (ValueError, OverflowError):
        return None
    return found


def numbers(values: Iterable[str | Number]) -> list[Number]:
    """The numbers that a filter's values are. Raises ValueMeaningError on the first that is none."""
    return [_meant(value) for value in values]


def texts(values: Iterable[str | Number]) -> list[str]:
    """Values as texts that SQLite takes: half a surrogate pair becomes a question mark, which it equals nowhere.

    >>> texts(["a", 5, "\\ud800"])
    ['a', '5', '?']
    """
    return [str(value).encode("utf-8", "replace").decode("utf-8") for value in values]


def moment(value: str | Number, *, last: bool = False) -> str:
    """A time as Argilla's database writes it, UTC. Raises ValueMeaningError when the value is no time.

    Numbers are milliseconds since 1970; texts are ISO 8601, UTC where they name no zone. Where parts are missing,
    `last` takes the end of the day, month or year instead of its beginning.

    >>> moment("2024-02-03T04:05:06+02:00"), moment(0), moment("2024-02", last=True)
    ('2024-02-03 02:05:06.000000', '1970-01-01 00:00:00.000000', '2024-02-29 23:59:59.999999')
    """
    try:
        found = _parsed(value.strip(), last) if isinstance(value, str) else _epoch(value)
        return found.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f").rjust(26, "0")
    except (ValueError, OverflowError):
        raise ValueMeaningError(
            f"{str(value)[:80]!r} is not a time; write 2024-12-31, 2024-12-31T23:59:59Z or milliseconds since 1970"
        ) from None


def _meant(value: str | Number) -> Number:
    try:
        found = _number(value)
    except (ValueError, OverflowError):
        found = None
    if found is None:
        raise ValueMeaningError(f"{str(value)[:80]!r} is not a number, and numbers are compared here")
    return found


def _number(value: str | Number) -> Number | None:
    if isinstance(value, str):
        # Python's 1_000 is nobody's number here.
        value = value.strip() if "_" not in value else "none"
        number: Number = int(value) if value.lstrip("+-").isdecimal() else float(value)
    else:
        number = value
    if math.isnan(number):
        return None
    return number if isinstance(number, float) or -_INT64 <= number < _INT64 else float(number)


def _epoch(milliseconds: Number) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def _parsed(text: str, last: bool) -> datetime:
    # Four digits are a year; more are milliseconds.
    if text.lstrip("-").isdecimal() and len(text) > 4:
        return _epoch(int(text))
    if len(text) <= 7:
        year, month = int(text[:4]), int(text[5:7] or (12 if last else 1))
        text = f"{year:04}-{month:02}-{monthrange(year, month)[1] if last else 1:02}"
    found = datetime.fromisoformat(text)
    if last and len(text) <= 10:
        found = found.replace(hour=23, minute=59, second=59, microsecond=999_999)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
