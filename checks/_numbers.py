"""Numbers of persons that have rules of their own: payment cards, IBANs, US social security numbers"""

import polars as pl

# Length of an IBAN by country (ISO 13616, registry release 101).
_COUNTRIES = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
IBAN_LENGTHS = {country: length for length, countries in _COUNTRIES.items() for country in countries.split()}
# A country, check digits, and what may belong to the account: in one run or in groups. How much of it does is said by
# the country.
IBAN = rf"(?i)\b(?:{'|'.join(IBAN_LENGTHS)})\d{{2}}(?:[ \u00a0\u202f-]?[A-Z0-9]){{11,29}}"
IBAN_PARTING = r"[ \u00a0\u202f-]"
# Letters and digits become digits, two for a letter: the longest IBAN has fewer than these, taken nine at a time.
_MOST_DIGITS, _STEP = 72, 9
_LETTERS = {chr(ord("A") + place): str(10 + place) for place in range(26)}

_AREA, _GROUP, _SERIAL = r"(?:00[1-9]|0[1-9]\d|[1-578]\d\d|6[0-57-9]\d|66[0-57-9])", r"(?:0[1-9]|[1-9]\d)", r"\d{4}"
# Beside the hyphen of the keyboard the typographic ones.
SSN_DASHES = ("\u2010", "\u2011", "\u2012", "\u2013")
_DASH = rf"[-{''.join(SSN_DASHES)}]"
SSN = rf"(?:^|[^\d-]){_AREA}{_DASH}{_GROUP}{_DASH}{_SERIAL}(?:$|[^\d-])"
# In other forms the digits are anybody's, unless they are called so.
SSN_NAMED = (
    r"(?i)\b(?:ssn|ss ?#|soc(?:ial)?[ -]?sec(?:urity)?(?:[ -]?(?:number|num|no\.?|nr\.?|#))?)\W{1,4}"
    rf"(?:(?:\w+\W{{1,3}}){{0,4}}?){_AREA}[ .-]?{_GROUP}[ .-]?{_SERIAL}(?:$|\D)"
)
SSN_DASHED = rf"\d{_DASH}\d\d{_DASH}\d{{4}}"
SSN_HINTS = ("SSN", "ssn", "Ssn", "SS#", "SS #", "ss#", "ocial", "OCIAL", "oc sec", "oc. sec", "oc-sec")
# The same form, of something else, as the words before it say.
NO_SSN = (
    r"(?i)\b(?:order|invoice|part|item|model|serial|ref(?:erence)?|ticket|tracking|case|lot|sku|isbn|batch|product"
    r"|catalog(?:ue)?|confirmation|phone|tel|fax)\b\W{0,3}(?:(?:number|no|nr|num|id|code|is)\b\W{0,3}){0,2}"
    rf"\d{{3}}{_DASH}\d{{2}}{_DASH}\d{{4}}"
)


def luhn(number: pl.Expr) -> pl.Expr:
    """Whether a string of 12 to 19 digits has a right check digit (ISO/IEC 7812-1)."""
    backwards = number.str.reverse()
    total: pl.Expr = pl.lit(0)
    for place in range(19):
        digit = backwards.str.slice(place, 1).cast(pl.Int32, strict=False).fill_null(0)
        doubled = digit * (1 + place % 2)
        total = total + doubled // 10 + doubled % 10
    return total % 10 == 0


def is_iban(found: pl.Expr) -> pl.Expr:
    """Whether what `IBAN` found begins with an IBAN: long enough for its country, and 1 modulo 97 (ISO 7064)."""
    signs = found.str.replace_all(IBAN_PARTING, "").str.to_uppercase()
    length = signs.str.head(2).replace_strict(IBAN_LENGTHS, default=None, return_dtype=pl.Int64)
    whole = signs.str.head(length)
    digits = (whole.str.slice(4) + whole.str.head(4)).str.replace_many(_LETTERS).str.zfill(_MOST_DIGITS)
    rest: pl.Expr = pl.lit(0)
    for start in range(0, _MOST_DIGITS, _STEP):
        rest = (rest * 10**_STEP + digits.str.slice(start, _STEP).cast(pl.Int64, strict=False)) % 97
    return (rest == 1) & (whole.str.len_chars() == length)
