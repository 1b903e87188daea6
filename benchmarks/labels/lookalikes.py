"""What looks like a secret or a person's number and is none: hashes, identifiers, public halves, words about them"""

import base64
import random
import string
import uuid
from collections.abc import Callable

from benchmarks.labels.planted_keys import _ALNUM, _BASE32, _BASE64, _HEX, _SECRET, _lines, block, drawn
from benchmarks.labels.planted_numbers import BBANS, account, check_digits, iban, parted, ssn

_DIGITS = string.digits


def _wrong_iban(chance: random.Random) -> str:
    """An IBAN with check digits that do not hold."""
    right = iban(chance)
    return f"{right[:2]}{(int(right[2:4]) - 2 + chance.randint(1, 90)) % 97 + 2:02}{right[4:]}"


def _short_iban(chance: random.Random) -> str:
    """Digits that hold for an account that is too short for its country."""
    country = chance.choice([code for code in BBANS if len(account(random.Random(0), code)) > 14])
    rest = account(chance, country)[:-3]
    return country + check_digits(country, rest) + rest


def _number(chance: random.Random, *sizes: int, sign: str = "-") -> str:
    return sign.join(drawn(chance, _DIGITS, size) for size in sizes)


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


def _isbn(chance: random.Random) -> str:
    digits = "978" + drawn(chance, _DIGITS, 9)
    check = -sum(int(digit) * (1 + 2 * (place % 2)) for place, digit in enumerate(digits)) % 10
    return f"ISBN {digits[:3]}-{digits[3]}-{digits[4:7]}-{digits[7:12]}-{check}"


def _ids(chance: random.Random) -> str:
    """Three groups as a social security number has them, of something else, as is said."""
    what = chance.choice(("Order", "Invoice", "Part no.", "Ticket", "Tracking number", "Serial number:", "Lot", "Ref."))
    return f"{what} {ssn(chance)}"


def _never_given(chance: random.Random) -> str:
    """Groups that no social security number has."""
    return chance.choice(
        (f"{chance.randint(900, 999)}-22-8721", "666-12-3456", f"000-{_number(chance, 2, 4)}", "536-00-1234")
    )


def _image(chance: random.Random) -> str:
    return "data:image/png;base64," + base64.b64encode(chance.randbytes(300)).decode()


LOOKALIKES: dict[str, Callable[[random.Random], str]] = {
    "IBAN, wrong check digits": _wrong_iban,
    "IBAN in groups, wrong check digits": lambda chance: parted(_wrong_iban(chance), " "),
    "IBAN, too short for its country": _short_iban,
    "licence key": lambda chance: parted(drawn(chance, string.ascii_uppercase + _DIGITS, 25), "-", 5),
    "part number": lambda chance: f"{drawn(chance, string.ascii_uppercase, 2)}{_number(chance, 2, 4, 4, 4, sign=' ')}",
    "value-added tax number": lambda chance: chance.choice(("DE", "ATU", "FR", "ESB")) + drawn(chance, _DIGITS, 9),
    "BIC": lambda chance: drawn(chance, string.ascii_uppercase, 6) + "2AXXX",
    "order or part, said so": _ids,
    "never given out": _never_given,
    "telephone": lambda chance: f"{chance.randint(200, 899)}-{_number(chance, 3, 4)}",
    "part of a telephone number": lambda chance: f"+1-{chance.randint(200, 899)}-{_number(chance, 2, 2, 4)}",
    "ISBN": _isbn,
    "date and numbers": lambda chance: f"{chance.randint(1900, 2030)}-{chance.randint(10, 12)}-{_number(chance, 2, 4)}",
    "longer number": lambda chance: _number(chance, 4, 3, 2, 4),
    "MD5": lambda chance: drawn(chance, _HEX, 32),
    "SHA-1 of a commit": lambda chance: f"commit {drawn(chance, _HEX, 40)}",
    "SHA-256": lambda chance: f"sha256:{drawn(chance, _HEX, 64)}",
    "integrity of a package": lambda chance: f'"integrity": "sha512-{drawn(chance, _BASE64, 86)}=="',
    "UUID": _uuid,
    "image in base64": _image,
    "address of Ethereum": lambda chance: "0x" + drawn(chance, _HEX, 40),
    "public key": lambda chance: block("PUBLIC KEY", _lines(chance, 6, "MIIBIjANBgkqhkiG9w0")),
    "certificate": lambda chance: block("CERTIFICATE", _lines(chance, 20, "MIID")),
    "public key of SSH": lambda chance: f"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ{drawn(chance, _BASE64, 340)} me@host",
    "public key of PGP": lambda chance: block("PGP PUBLIC KEY BLOCK", "\n" + _lines(chance, 20, "mQENB")),
    "about a key file": lambda chance: (
        f"A key file starts with `{'-' * 5}BEGIN {chance.choice(('', 'RSA ', 'EC '))}{_SECRET}{'-' * 5}`; never "
        "send it to anybody."
    ),
    "place for a private key": lambda chance: block(f"RSA {_SECRET}", chance.choice(("...", "<your key>", "[...]"))),
    "place for a key": lambda chance: chance.choice(
        (
            'openai.api_key = "YOUR_API_KEY_GOES_HERE_2024"',
            "Set OPENAI_API_KEY=sk-" + "x" * chance.randint(20, 48),
            "api_key: <your-api-key-of-32-characters>",
            'token = "gh' + "p_" + "x" * 36 + '"',
            "password = ******************************",
            "SECRET_KEY=${PRODUCTION_SECRET_KEY_FROM_VAULT_2}",
        )
    ),
    "code that reads a key": lambda chance: chance.choice(
        (
            'api_key = os.environ["SERVICE_API_KEY"]',
            "token = generate_token_for_user_v2(user_id, expires_in=3600)",
            "const accessToken = await getAccessTokenSilently2024({ audience });",
            "secret = config.get_required_value_from_section_1('secret')",
            'client_secret = "client_secret_from_environment"',
            "access_token: str = Field(description='OAuth2 access token')",
        )
    ),
    "class of a style sheet": lambda chance: (
        f'<div class="sk-{chance.choice(("fading", "folding", "chasing"))}-circle-loader-animation-wrapper">'
    ),
    "hyphens": lambda chance: chance.choice(
        ("task-oriented-dialogue-systems-in-healthcare", "risk-adjusted-return-of")
    ),
    "base64 of JSON": lambda chance: base64.b64encode(f'{{"user":"{drawn(chance, _ALNUM, 30)}"}}'.encode()).decode(),
    "part of a token": lambda chance: "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9 is the header",
    "names with dots": lambda chance: f"com.example.{drawn(chance, string.ascii_lowercase, 12)}.Eyjafjallajokull.main",
    "word with a prefix": lambda chance: chance.choice(
        ("npm_config_registry_of_the_company_mirror", "hf_transfer_enabled_for_every_download", "pat_of_butter_and_jam")
    ),
    "link": lambda chance: (
        f"https://www.example.com/watch?v={drawn(chance, _ALNUM, 11)}&list=PL{drawn(chance, _ALNUM, 32)}"
    ),
    "capitals": lambda chance: drawn(chance, _BASE32, 24),
    "MAC address": lambda chance: ":".join(drawn(chance, _HEX, 2) for _ in range(6)),
    "version": lambda chance: f"v{chance.randint(0, 30)}.{chance.randint(0, 30)}.{chance.randint(0, 999)}-rc.1+build.7",
}
