"""The rules of checks/safety.py, row by row"""

import re

from benchmarks.loop.row import Row, compiled, has_any
from checks import _names as who
from checks import _numbers as n
from checks import _secrets as k
from checks import safety as s

_KEY_BLOCK, _KEY, _NAMED = compiled(k.PRIVATE_KEY), compiled(k.KEY), compiled(k.NAMED)
_IS_DRAWN, _HOLDS_A_PLACE = compiled(k.IS_DRAWN), compiled(k.HOLDS_A_PLACE)
_VALUE, _NO_VALUE, _WEB_TOKEN = compiled(k.VALUE), compiled(k.NO_VALUE), compiled(k.WEB_TOKEN)
_LETTER, _DIGIT = re.compile("[A-Za-z]"), re.compile(r"\d")
_EMAIL, _EXAMPLE_EMAIL = compiled(s._EMAIL), compiled(s._EXAMPLE_EMAIL)
_PHONE, _CALLED, _FICTION_PHONE = compiled(s._PHONE), compiled(s._CALLED), compiled(s._FICTION_PHONE)
_CARD, _CARD_PREFIX, _NO_DIGIT = compiled(s._CARD), compiled(s._CARD_PREFIX), re.compile("[^0-9]")
_LOCAL_IP, _IPV4, _IPV6 = compiled(s._LOCAL_IP + r"[\d.]*"), compiled(s._IPV4), compiled(s._IPV6)
_SSN, _SSN_NAMED, _NO_SSN = compiled(n.SSN), compiled(n.SSN_NAMED), compiled(n.NO_SSN)
_IBAN, _PARTING = compiled(n.IBAN), re.compile(n.IBAN_PARTING)
_TITLED, _TOLD, _FULL = compiled(who.TITLED), compiled(who.TOLD), compiled(who.FULL)
_PERSON, _NO_PERSON = compiled(who.PERSON), compiled(who.NO_PERSON)
_ADDRESS, _POST_CODE, _PLACE = compiled(who.ADDRESS), compiled(who.POST_CODE), compiled(who.PLACE)
_CAPITALISED, _GIVEN = re.compile(r"\b[^\W\d_a-z]\w+"), frozenset(who.GIVEN_NAMES)


def private_key(row: Row) -> bool:
    return not (has_any(row.text, k.PRIVATE_KEY_HINTS) and _KEY_BLOCK.search(row.text))


def _is_drawn(found: str) -> bool:
    value = _VALUE.search(found)
    if value is None:
        return False
    text = value.group()
    if len(set(text)) < k.MIN_SIGNS or not _DIGIT.search(text) or not _LETTER.search(text):
        return False
    return _NO_VALUE.search(text) is None


def api_key(row: Row) -> bool:
    if not row.numbers and not has_any(row.text, k.WITHOUT_DIGITS):
        return True
    for found in _KEY.finditer(row.text):
        if _IS_DRAWN.search(found.group()) and not _HOLDS_A_PLACE.search(found.group()):
            return False
    return not any(_is_drawn(found.group()) for found in _NAMED.finditer(row.text))


def json_web_token(row: Row) -> bool:
    return "eyJ" not in row.text or not _WEB_TOKEN.search(row.text)


def email_address(row: Row) -> bool:
    return "@" not in row.text or not _EMAIL.search(_EXAMPLE_EMAIL.sub(" ", row.text))


def phone_number(row: Row) -> bool:
    if not row.numbers:
        return True
    text = _FICTION_PHONE.sub(" ", row.numbers)
    return not (_PHONE.search(text) or _CALLED.search(text))


def _has_check_digit(number: str) -> bool:
    """Luhn's formula (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(map(int, reversed(number))):
        doubled = digit * (1 + place % 2)
        total += doubled // 10 + doubled % 10
    return total % 10 == 0


def credit_card(row: Row) -> bool:
    numbers = (_NO_DIGIT.sub("", found) for found in _CARD.findall(row.numbers))
    return not any(_CARD_PREFIX.search(number) and _has_check_digit(number) for number in numbers)


def ip_address(row: Row) -> bool:
    if row.numbers and _IPV4.search(_LOCAL_IP.sub(" ", row.numbers)):
        return False
    return row.text.count(":") < s.IPV6_COLONS or not _IPV6.search(row.text)


def _is_iban(found: str) -> bool:
    signs = _PARTING.sub("", found).upper()
    length = n.IBAN_LENGTHS.get(signs[:2], 0)
    whole = signs[:length]
    return len(whole) == length > 0 and int("".join(str(int(sign, 36)) for sign in whole[4:] + whole[:4])) % 97 == 1


def id_number(row: Row) -> bool:
    if not row.numbers:
        return True
    if _SSN.search(_NO_SSN.sub(" ", row.numbers)):
        return False
    if has_any(row.numbers, n.SSN_HINTS) and _SSN_NAMED.search(row.numbers):
        return False
    return not any(_is_iban(found.group()) for found in _IBAN.finditer(row.numbers))


def _is_named(row: Row) -> bool:
    if _TITLED.search(row.text) or (has_any(row.text, who.TOLD_HINTS) and _TOLD.search(row.text)):
        return True
    # A set knows a name at once, where a pattern of all names would try one after another.
    return not _GIVEN.isdisjoint(_CAPITALISED.findall(row.text)) and _FULL.search(row.text) is not None


def person_name(row: Row) -> bool:
    return not _is_named(row) or not _PERSON.search(_NO_PERSON.sub(" ", row.text))


def place_name(row: Row) -> bool:
    if row.numbers and (_ADDRESS.search(row.numbers) or _POST_CODE.search(row.numbers)):
        return False
    return not _PLACE.search(row.text)


RULES = (
    private_key,
    api_key,
    json_web_token,
    email_address,
    phone_number,
    credit_card,
    ip_address,
    id_number,
    person_name,
    place_name,
)
