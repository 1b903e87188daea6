"""Safety: no secrets and no personal data that a model could memorise and repeat."""

import polars as pl

from checks._examples import says
from checks._names import (
    ADDRESS,
    ADDRESS_HINTS,
    FULL,
    FULL_HINTS,
    NO_PERSON,
    PERSON,
    PLACE,
    POST_CODE,
    POST_CODE_FORM,
    TITLED,
    TOLD,
    TOLD_HINTS,
)
from checks._numbers import (
    IBAN,
    IBAN_PARTING,
    NO_SSN,
    SSN,
    SSN_DASHED,
    SSN_DASHES,
    SSN_HINTS,
    SSN_NAMED,
    is_iban,
    luhn,
)
from checks._secrets import (
    HOLDS_A_PLACE,
    IS_DRAWN,
    KEY,
    LONG_RUN,
    MIN_SIGNS,
    NAMED,
    NO_VALUE,
    PRIVATE_KEY,
    PRIVATE_KEY_HINTS,
    VALUE,
    WEB_TOKEN,
    WITHOUT_DIGITS,
)
from checks._text import completion, derived, has, has_literal, has_one_of, prompt, where
from checks.registry import Severity, check

_EMAIL = r"(?i)\b[a-z0-9][a-z0-9._%+-]{0,63}@(?:[a-z0-9-]{1,63}\.)+[a-z]{2,24}\b"
# RFC 2606 keeps these names for examples.
_EXAMPLE_EMAIL = r"(?i)@(?:[\w.-]+\.)?(?:example\.(?:com|org|net)|[\w-]+\.(?:example|test|invalid))\b"

# International, North American and grouped national numbers; bare digit runs are left alone.
_PHONE = (
    r"(?:^|[^\w.+-])(?:\+\d{1,3}[\s.-]?(?:\(\d{1,4}\)[\s.-]?)?\d{1,4}(?:[\s.-]?\d{2,4}){2,4}"
    r"|(?:\+?1[\s.-])?\(\d{3}\)\s?\d{3}[\s.-]\d{4}|(?:\+?1[\s.-])?\d{3}[.-]\d{3}[.-]\d{4}"
    r"|0\d{1,4}(?:[\s-]\d{2,4}){2,4})"
    r"(?:x\d{1,5})?(?:$|[^\w-])"
)
# A number in groups after a word for telephones.
_CALLED = (
    r"(?i)\b(?:call|phone|telephone|tel|mobile|cell|fax|sms|whatsapp|messages? to|text me)\b\W{1,3}(?:\w+\W{1,3}){0,3}?"
    r"\+?\d{2,4}[\s.-]\d{2,4}[\s.-]\d{2,4}(?:$|[^\w-])"
)
# 555 numbers are kept for fiction; zeros and counting up or down are placeholders.
_FICTION_PHONE = r"555[\s.)-]*\d{4}|000[\s.)-]*000|123[\s.)-]*456[\s.-]*7890|\b123-4567\b|987[\s.)-]*654[\s.-]*3210"

_CARD = r"(?:^|[^\w.-])\d(?:[ -]?\d){11,18}(?:$|[^\w-])"
# Issuer ranges and the lengths they use. Twelve digits are Maestro's alone.
_CARD_PREFIX = (
    r"^(?:4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}(?:\d{2})?|35\d{14}"
    r"|6(?:011|[45]\d\d)\d{12}"
    r"|62\d{14,17}|(?:50|5[678]|6[0-9])\d{10,17}|(?:2131|1800)\d{11})$"
)

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = rf"(?:^|[^\d.\w]){_OCTET}(?:\.{_OCTET}){{3}}(?:$|[^\d.\w]|\.(?:\s|$))"
_IPV6 = r"(?i)(?:^|[^:\w])(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}(?:$|[^:\w])"
IPV6_COLONS = 7
# Private, loopback, documentation and wildcard ranges (RFC 1918, 5735, 5737) name nobody.
_LOCAL_IP = (
    r"(?:^|[^\d.])(?:10\.|127\.|0\.0\.0\.0|169\.254\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|192\.0\.2\."
    r"|198\.51\.100\.|203\.0\.113\.|255\.255)"
)

_REJECTED = pl.col("rejected").list.eval(pl.element().struct.field("content").fill_null("")).list.join("\n")
# Everything a model reads or learns to write, the rejected answer included.
_TEXT = derived("t_all", pl.concat_str(prompt(), completion(), _REJECTED.fill_null(""), separator="\n"))


# The digits 0 to 9 are looked for many bytes at a time; those of other scripts are beyond ASCII.
_DIGITS = derived("t_digits", where(has(_TEXT, "[0-9]") | (_TEXT.str.len_bytes() != _TEXT.str.len_chars()), _TEXT))
# The few texts with a run of digits, signs and spaces long enough for a number that names somebody.
_NUMBERS = derived("t_numbers", where(has(_DIGITS, r"[\dA-Z][\d .():-]{5,}\d"), _DIGITS))


def _without(text: pl.Expr, pattern: str) -> pl.Expr:
    return text.str.replace_all(pattern, " ")


_REAL_PHONES = derived("t_phones", _without(where(has(_NUMBERS, r"\d{2}[\s.)-]{1,2}\d{2}"), _NUMBERS), _FICTION_PHONE))


# Keys and tokens are long runs of letters and digits, which few texts have.
_RUNS = derived("t_runs", where(has(_DIGITS, LONG_RUN) | has_literal(_TEXT, *WITHOUT_DIGITS), _TEXT))


@check(
    Severity.REVIEW,
    fails=says(f"{'-' * 5}BEGIN RSA PRIVATE KEY{'-' * 5}\nMIIE"),
    but_not=says("Keep your private key safe."),
)
def private_key() -> pl.Expr:
    """No private key: a block with something in it, or a file of PuTTY or age."""
    return ~has(where(has_literal(_TEXT, *PRIVATE_KEY_HINTS), _TEXT), PRIVATE_KEY)


@check(
    Severity.REVIEW,
    fails=says(f"Log in with {'ghp'}_{'q7Xz' * 9}, and then delete it from the list of all your keys."),
    but_not=says("Set AWS_ACCESS_KEY_ID first."),
)
def api_key() -> pl.Expr:
    """No access key in the form that a cloud or API issues, and no drawn value that is called a key or a token."""
    one = pl.element()
    issued = _RUNS.str.extract_all(KEY).list.eval(has(one, IS_DRAWN) & ~has(one, HOLDS_A_PLACE)).list.any()
    value = one.str.extract(f"({VALUE})")
    signs = value.str.extract_all(".").list.n_unique()
    drawn = (signs >= MIN_SIGNS) & has(value, r"\d") & has(value, "[A-Za-z]") & ~has(value, NO_VALUE)
    named = _RUNS.str.extract_all(NAMED).list.eval(drawn).list.any()
    return ~(issued.fill_null(False) | named.fill_null(False))


@check(
    Severity.REVIEW,
    fails=says(f"Send {'eyJ'}hbGciOiJIUzI1NiJ9.{'eyJ'}zdWIiOiI0MiJ9.{'c2lnbmF0dXJl' * 3} along."),
    but_not=says("A token starts with eyJhbGciOiJIUzI1NiJ9."),
)
def json_web_token() -> pl.Expr:
    """No JSON web token, signed or encrypted."""
    return ~has(where(has_literal(_RUNS, "eyJ"), _RUNS), WEB_TOKEN)


@check(Severity.NOTE, fails=says("Write to anna.berg@riverboats.se now."), but_not=says("Write to me@example.com."))
def email_address() -> pl.Expr:
    """No e-mail address outside the domains that are kept for examples."""
    found = where(has_literal(_TEXT, "@"), _TEXT)
    return ~has(_without(found, _EXAMPLE_EMAIL), _EMAIL)


@check(Severity.NOTE, fails=says("Call +46 8 123 456 78 today."), but_not=says("Call 555-0123, room 12-34."))
def phone_number() -> pl.Expr:
    """No telephone number, numbers kept for fiction aside."""
    return ~(has(_REAL_PHONES, _PHONE) | has(_REAL_PHONES, _CALLED))


@check(Severity.NOTE, fails=says("Card 4111 1111 1111 1111, thanks"), but_not=says("Card 4111 1111 1111 1112"))
def credit_card() -> pl.Expr:
    """No payment card number with a right check digit."""
    found = where(has(_NUMBERS, r"\d{4}[ -]?\d{4,6}[ -]?\d{4}"), _NUMBERS)
    number = pl.element().str.replace_all(r"[^0-9]", "")
    valid = number.str.contains(_CARD_PREFIX) & luhn(number)
    return ~found.str.extract_all(_CARD).list.eval(valid).list.any().fill_null(False)


@check(Severity.NOTE, fails=says("Ping 81.2.69.142."), but_not=says("Ping 192.168.0.1 or version 1.2.3"))
def ip_address() -> pl.Expr:
    """No public IP address."""
    dotted = where(has(_NUMBERS, r"\d\.\d{1,3}\.\d{1,3}\.\d"), _NUMBERS)
    parted = where(_TEXT.str.count_matches(":", literal=True) >= IPV6_COLONS, _TEXT)
    return ~(has(_without(dotted, _LOCAL_IP + r"[\d.]*"), _IPV4) | has(parted, _IPV6))


_THREE_PARTS = r"[0-9]{3}-[0-9]{2}-[0-9]{4}"
_DASHED = where(has_literal(_DIGITS, *SSN_DASHES), _DIGITS)
_PARTED = derived("t_parted", where(has(_DIGITS, _THREE_PARTS) | has(_DASHED, SSN_DASHED), _DIGITS))


@check(Severity.NOTE, fails=says("Her number is 536-22-8721."), but_not=says("Lot 123-456-789"))
def id_number() -> pl.Expr:
    """No US social security number, and no IBAN with right check digits."""
    # Word boundaries make a regex slow, so they are asked for in the second look only.
    accounts = where(has(_DIGITS, rf"(?i)[a-z]{{2}}\d{{2}}(?:{IBAN_PARTING}?[a-z0-9]){{11}}"), _DIGITS)
    account = accounts.str.extract_all(IBAN).list.eval(is_iban(pl.element())).list.any().fill_null(False)
    called = where(has_literal(_DIGITS, *SSN_HINTS), _DIGITS)
    return ~(has(_without(_PARTED, NO_SSN), SSN) | has(called, SSN_NAMED) | account)


_SPOKEN_OF = derived("t_spoken_of", where(has_literal(_TEXT, *TOLD_HINTS), _TEXT))
_FULLY_NAMED = derived("t_fully_named", where(has_one_of(_TEXT, FULL_HINTS), _TEXT))


@check(
    Severity.NOTE, fails=says("It was founded by Maria Lindgren."), but_not=says("A professor met us in Diana Park.")
)
def person_name() -> pl.Expr:
    """No person by name: after a title, where somebody is introduced, or a common given name before another."""
    named = has(_TEXT, TITLED) | has(_SPOKEN_OF, TOLD) | has(_FULLY_NAMED, FULL)
    # The second look takes out streets, firms and the like, which are named for people.
    return ~has(_without(where(named, _TEXT), NO_PERSON), PERSON)


@check(Severity.NOTE, fails=says("She lives in Lisbon."), but_not=says("The river rises in Norway."))
def place_name() -> pl.Expr:
    """No address, and no place where somebody is said to live, work or come from."""
    housed = where(has_one_of(_DIGITS, ADDRESS_HINTS), _DIGITS)
    posted = where(has(_DIGITS, POST_CODE_FORM), _DIGITS)
    return ~(has(_TEXT, PLACE) | has(housed, ADDRESS) | has(posted, POST_CODE))
