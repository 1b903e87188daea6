"""The rules of checks/safety.py, row by row"""

import re

from benchmarks.loop.row import Row, compiled
from checks import safety as s

_KEY_BLOCK, _API_KEY = compiled(s._PRIVATE_KEY), compiled(s._API_KEY)
_EMAIL, _EXAMPLE_EMAIL = compiled(s._EMAIL), compiled(s._EXAMPLE_EMAIL)
_PHONE, _CALLED, _FICTION_PHONE = compiled(s._PHONE), compiled(s._CALLED), compiled(s._FICTION_PHONE)
_CARD, _CARD_PREFIX, _NO_DIGIT = compiled(s._CARD), compiled(s._CARD_PREFIX), re.compile("[^0-9]")
_LOCAL_IP, _IPV4, _IPV6 = compiled(s._LOCAL_IP + r"[\d.]*"), compiled(s._IPV4), compiled(s._IPV6)
_SSN, _IBAN = compiled(s._SSN), compiled(s._IBAN)


def private_key(row: Row) -> bool:
    return not _KEY_BLOCK.search(row.text)


def api_key(row: Row) -> bool:
    return not _API_KEY.search(row.text)


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


def id_number(row: Row) -> bool:
    return not (_SSN.search(row.numbers) or _IBAN.search(row.numbers))


RULES = (private_key, api_key, email_address, phone_number, credit_card, ip_address, id_number)
