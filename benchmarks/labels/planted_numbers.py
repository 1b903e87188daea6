"""IBANs and US social security numbers, drawn: right by their standards, written as people write them"""

import random
import re
import string
from collections.abc import Callable

# Countries of the IBAN registry (ISO 13616, release 101) and what follows their check digits: n digits, a letters in
# upper case, c either.
BBANS = {
    form[:2]: form[2:]
    for form in (  # noqa: SIM905 - a table is read more easily so
        "AD8n12c AE19n AL8n16c AT16n AZ4a20c BA16n BE12n BG4a6n8c BH4a14c BI23n BR23n1a1c BY4c4n16c CH5n12c CR18n "
        "CY8n16c CZ20n DE18n DJ23n DK14n DO4c20n EE16n EG25n ES20n FI14n FK2a12n FO14n FR10n11c2n GB4a14n GE2a16n "
        "GI4a15c GL14n GR7n16c GT24c HN4a20n HR17n HU24n IE4a14n IL19n IQ4a15n IS22n IT1a10n12c JO4a4n18c KW4a22c "
        "KZ3n13c LB4n20c LC4a24c LI5n12c LT16n LU3n13c LV4a13c LY21n MC10n11c2n MD20c ME18n MK3n10c2n MN16n MR23n "
        "MT4a5n18c MU4a19n3a NI4a20n NL4a10n NO11n OM3n16c PK4a16c PL24n PS4a21c PT21n QA4a21c RO4a16c RS18n RU14n15c "
        "SA2n18c SC4a20n3a SD14n SE20n SI15n SK20n SM1a10n12c SO19n ST21n SV4a20n TL19n TN20n TR6n16c UA6n19c VA18n "
        "VG4a16n XK16n YE4a4n18c"
    ).split()
}
_SIGNS = {"n": string.digits, "a": string.ascii_uppercase, "c": string.digits + string.ascii_uppercase}


def check_digits(country: str, account: str) -> str:
    """The two digits that make the whole 1 modulo 97 (ISO 7064).

    >>> check_digits("GB", "WEST12345698765432")
    '82'
    """
    number = "".join(str(int(sign, 36)) for sign in account + country + "00")
    return f"{98 - int(number) % 97:02}"


def account(chance: random.Random, country: str) -> str:
    """What follows the check digits, drawn."""
    parts = re.findall(r"(\d+)([nac])", BBANS[country])
    return "".join(chance.choice(_SIGNS[kind]) for count, kind in parts for _ in range(int(count)))


def iban(chance: random.Random) -> str:
    """Without spaces, of any country."""
    country = chance.choice(list(BBANS))
    rest = account(chance, country)
    return country + check_digits(country, rest) + rest


def parted(number: str, sign: str, size: int = 4) -> str:
    """In groups of `size`, as on paper."""
    return sign.join(number[start : start + size] for start in range(0, len(number), size))


IBANS: dict[str, Callable[[random.Random], str]] = {
    "compact": iban,
    "groups of four": lambda chance: parted(iban(chance), " "),
    "groups, hyphens": lambda chance: parted(iban(chance), "-"),
    "groups, no-break spaces": lambda chance: parted(iban(chance), "\u00a0"),
    "lower case": lambda chance: iban(chance).lower(),
    "country, then the rest": lambda chance: re.sub(r"^(....)", r"\1 ", iban(chance)),
    "before capitals": lambda chance: f"IBAN {parted(iban(chance), ' ')} BIC ABCDEF2AXXX",
    "after a label": lambda chance: f"IBAN: {iban(chance)}",
}


def _parts(chance: random.Random) -> tuple[str, str, str]:
    """Area, group and serial, none of them of zeros only; 666 and 900 to 999 were never given out (SSA, RM 10201)."""
    area = chance.choice([number for number in range(1, 900) if number != 666])
    return f"{area:03}", f"{chance.randint(1, 99):02}", f"{chance.randint(1, 9999):04}"


def ssn(chance: random.Random, sign: str = "-") -> str:
    """Nine digits in three groups."""
    return sign.join(_parts(chance))


SSNS: dict[str, Callable[[random.Random], str]] = {
    "alone": ssn,
    "after its name": lambda chance: f"SSN: {ssn(chance)}",
    "in prose": lambda chance: f"Her social security number is {ssn(chance)}, and she was born in 1974.",
    "with spaces, after its name": lambda chance: f"SSN {ssn(chance, ' ')}",
    "digits, after its name": lambda chance: f"social security number {ssn(chance, '')}",
    "in a table": lambda chance: f"name,ssn\nA. Person,{ssn(chance)}\nB. Person,{ssn(chance)}",
    "digits, as JSON": lambda chance: f'{{"name": "A. Person", "ssn": "{ssn(chance, "")}"}}',
    "in a form": lambda chance: f"Applicant's SSN (US only): {ssn(chance)}",
}
