"""How figures and foreign text are shown to a person: in the page, in markdown and in a terminal alike.

Text from the data is hostile until it has been through `visible`. A figure that is None was not
measured, and every formatter says so in the same words: None is never shown as a zero.
"""

import unicodedata

NOT_MEASURED = "not measured"

CUT = "[…]"

# Longer than what a report's examples are cut to, so that nothing is cut twice.
EXCERPT_LENGTH = 420
EXCERPT_LINES = 12

_JOINERS = "\u200c\u200d"  # what emoji and several scripts need between two letters


def visible(text: str, limit: int = 1000) -> str:
    """`text` with its controls made visible and cut to about `limit` characters.

    Newlines and tabs stay; every other control, format or unassigned character becomes a picture
    of itself or its number, so that nothing can reorder, hide or end what stands around it.

    >>> visible("a\\x00b\\u202ec")
    'a␀b‹U+202E›c'
    >>> visible("abcdef", limit=3)
    'abc […]'
    """
    head = text[: limit + 1].replace("\r\n", "\n")
    shown = head if head.isprintable() else "".join(_mark(head, at) for at in range(len(head)))
    if len(text) <= limit and len(shown) <= 4 * limit:
        return shown
    return f"{shown[:limit]} {CUT}"


def _mark(text: str, at: int) -> str:
    """The character of `text` at `at`, or what stands for it when it would not be seen."""
    char = text[at]
    if char.isprintable() or char in "\n\t" or unicodedata.category(char) == "Zs":
        return char
    if char in _JOINERS and 0 < at < len(text) - 1 and not (text[at - 1].isascii() or text[at + 1].isascii()):
        return char
    code = ord(char)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"‹U+{code:04X}›"


def excerpt(text: str | None, limit: int = EXCERPT_LENGTH, lines: int = EXCERPT_LINES) -> str | None:
    """The beginning of `text`: at most `limit` characters on at most `lines` lines. None stays None.

    >>> excerpt("one\\ntwo\\nthree", lines=2)
    'one\\ntwo […]'
    """
    if text is None:
        return None
    rows = visible(text.strip("\n"), limit).split("\n")
    if len(rows) <= lines:
        return "\n".join(rows)
    return "\n".join(rows[:lines]) + f" {CUT}"


def one_line(text: str, limit: int = 120) -> str:
    """`text` on one line, its white space folded.

    >>> one_line(" a\\n\\n b ")
    'a b'
    """
    return visible(" ".join(text[: 4 * limit].split()), limit)


def tail(text: str, limit: int = 28) -> str:
    """The end of a source's name, which tells files of one folder apart.

    >>> tail("folder/of/many/files/part-00001.jsonl", limit=16)
    '…art-00001.jsonl'
    """
    shown = visible(text[-4 * limit :], 4 * limit).replace("\n", "␊").replace("\t", "␉")
    return shown if len(shown) <= limit and len(text) <= 4 * limit else "…" + shown[-(limit - 1) :]


def count(value: float | None) -> str:
    """A whole number with thousands separators.

    >>> count(52002), count(None)
    ('52,002', 'not measured')
    """
    return NOT_MEASURED if value is None else f"{value:,.0f}"


def plural(value: int, noun: str, many: str | None = None) -> str:
    """
    >>> plural(1, "row"), plural(2002, "row"), plural(2, "copy", "copies")
    ('1 row', '2,002 rows', '2 copies')
    """
    return f"{value:,} {noun if value == 1 else many or noun + 's'}"


def share(value: float | None) -> str:
    """A share in [0, 1] as per cent. What is neither nothing nor everything never reads as such.

    >>> share(0.1234), share(0.00001), share(0.99999), share(0.0), share(None)
    ('12.3%', '< 0.1%', '> 99.9%', '0%', 'not measured')
    """
    if value is None:
        return NOT_MEASURED
    if value in (0, 1):
        return f"{value:.0%}"
    if 0 < value < 0.001:
        return "< 0.1%"
    return "> 99.9%" if 0.999 < value < 1 else f"{value:.1%}"


def figure(value: float | bool | str | None) -> str:
    """Any figure a policy may demand: whole numbers whole, others to four significant digits.

    >>> figure(1234.0), figure(0.98765), figure(True), figure(None), figure(-3)
    ('1,234', '0.9877', 'True', 'not measured', '−3')
    """
    if value is None:
        return NOT_MEASURED
    if isinstance(value, bool | str):
        return str(value)
    text = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.1f}"
    return text.replace("-", "−")


def similarity(value: float | None) -> str:
    """A similarity in [0, 1]. Only equality reads as 1.

    >>> similarity(0.98765), similarity(0.99999), similarity(1.0)
    ('0.988', '0.999', '1.000')
    """
    if value is None:
        return NOT_MEASURED
    return f"{min(value, 0.999):.3f}" if value < 1 else f"{value:.3f}"


def seconds(value: float | None) -> str:
    """
    >>> seconds(0.123), seconds(12.3), seconds(754), seconds(7540)
    ('0.12 s', '12.3 s', '12 min 34 s', '2 h 5 min')
    """
    if value is None:
        return NOT_MEASURED
    if value < 60:
        return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def mebibytes(value: float | None) -> float | None:
    """So many MiB as bytes; null stays null.

    >>> mebibytes(1.5), mebibytes(None)
    (1572864.0, None)
    """
    return None if value is None else value * 2**20


def size(value: float | None) -> str:
    """Bytes, in powers of 1000.

    >>> size(999), size(22773992), size(None)
    ('999 B', '22.8 MB', 'not measured')
    """
    if value is None:
        return NOT_MEASURED
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
