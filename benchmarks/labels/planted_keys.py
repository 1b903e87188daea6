"""Access keys, private keys and tokens, drawn in the forms that their issuers document"""

import base64
import json
import random
import string
from collections.abc import Callable

_ALNUM = string.ascii_letters + string.digits
_URL_SAFE = _ALNUM + "-_"
_HEX = string.digits + "abcdef"
_BASE64 = _ALNUM + "+/"
_LOWER = string.ascii_lowercase + string.digits
_BASE32 = string.ascii_uppercase + "234567"


def drawn(chance: random.Random, signs: str, count: int) -> str:
    """So many signs, each as likely."""
    return "".join(chance.choices(signs, k=count))


def _key(*parts: str | tuple[str, int]) -> Callable[[random.Random], str]:
    """A key of fixed parts and drawn ones."""
    return lambda chance: "".join(part if isinstance(part, str) else drawn(chance, *part) for part in parts)


# A prefix stands in two parts where it alone would be taken for a key.
KEYS: dict[str, Callable[[random.Random], str]] = {
    "AWS key": _key("AK" + "IA", (_BASE32, 16)),
    "AWS session key": _key("AS" + "IA", (_BASE32, 16)),
    "AWS secret": _key("aws_secret_access_key = ", (_BASE64, 40)),
    "GitHub": _key("gh" + "p_", (_ALNUM, 36)),
    "GitHub server": _key("gh" + "s_", (_ALNUM, 36)),
    "GitHub fine-grained": _key("github_" + "pat_", (_ALNUM, 22), "_", (_ALNUM, 59)),
    "GitLab": _key("glp" + "at-", (_URL_SAFE, 20)),
    "GitLab runner": _key("glr" + "t-", (_URL_SAFE, 20)),
    "Slack bot": _key("xox" + "b-", (string.digits, 12), "-", (string.digits, 12), "-", (_ALNUM, 24)),
    "Slack app": _key("xap" + "p-1-A", (_BASE32, 10), "-", (string.digits, 13), "-", (_HEX, 64)),
    "Slack webhook": _key(
        "https://hooks.slack.com/" + "services/T", (_BASE32, 10), "/B", (_BASE32, 10), "/", (_ALNUM, 24)
    ),
    "Stripe": _key("sk_" + "live_", (_ALNUM, 24)),
    "Stripe, longer": _key("sk_" + "live_", (_ALNUM, 99)),
    "Stripe restricted": _key("rk_" + "live_", (_ALNUM, 24)),
    "Stripe webhook": _key("whs" + "ec_", (_ALNUM, 32)),
    "Google API": _key("AI" + "za", (_URL_SAFE, 35)),
    "Google OAuth": _key("GOC" + "SPX-", (_URL_SAFE, 28)),
    "OpenAI": _key("s" + "k-", (_ALNUM, 48)),
    "OpenAI project": _key("s" + "k-proj-", (_URL_SAFE, 74), "T3Blbk" + "FJ", (_URL_SAFE, 74)),
    "Anthropic": _key("s" + "k-ant-api03-", (_URL_SAFE, 93), "AA"),
    "Hugging Face": _key("h" + "f_", (string.ascii_letters, 34)),
    "Groq": _key("gs" + "k_", (_ALNUM, 52)),
    "Perplexity": _key("ppl" + "x-", (_ALNUM, 48)),
    "Replicate": _key("r" + "8_", (_ALNUM, 37)),
    "npm": _key("np" + "m_", (_ALNUM, 36)),
    "PyPI": _key("pyp" + "i-AgEIcHlwaS5vcmc", (_URL_SAFE, 120)),
    "RubyGems": _key("rubyg" + "ems_", (_HEX, 48)),
    "Docker": _key("dckr_" + "pat_", (_URL_SAFE, 27)),
    "SendGrid": _key("S" + "G.", (_URL_SAFE, 22), ".", (_URL_SAFE, 43)),
    "Mailgun": _key("ke" + "y-", (_HEX, 32)),
    "Mailchimp": _key((_HEX, 32), "-us" + "12"),
    "Twilio": _key("S" + "K", (_HEX, 32)),
    "Telegram bot": _key((string.digits, 10), ":A" + "A", (_URL_SAFE, 33)),
    "Discord bot": _key("M", (_ALNUM, 23), ".", (_ALNUM, 6), ".", (_URL_SAFE, 27)),
    "DigitalOcean": _key("dop_" + "v1_", (_HEX, 64)),
    "Shopify": _key("shp" + "at_", (_HEX, 32)),
    "Square": _key("sq0" + "atp-", (_URL_SAFE, 22)),
    "Databricks": _key("da" + "pi", (_HEX, 32)),
    "Linear": _key("lin_" + "api_", (_ALNUM, 40)),
    "Notion": _key("nt" + "n_", (string.digits, 11), (_ALNUM, 35)),
    "Grafana": _key("gl" + "sa_", (_ALNUM, 32), "_", (_HEX, 8)),
    "Vault": _key("hv" + "s.", (_URL_SAFE, 95)),
    "Terraform Cloud": _key((_ALNUM, 14), ".atl" + "asv1.", (_URL_SAFE, 65)),
    "New Relic": _key("NR" + "AK-", (_BASE32, 27)),
    "Postman": _key("PM" + "AK-", (_HEX, 24), "-", (_HEX, 34)),
    "Airtable": _key("pa" + "t", (_ALNUM, 14), ".", (_HEX, 64)),
    "Figma": _key("fi" + "gd_", (_URL_SAFE, 40)),
    "Atlassian": _key("ATA" + "TT3xFf", (_URL_SAFE, 180), "=", (string.digits + "ABCDEF", 8)),
    "Azure storage": _key("AccountName=store;Account" + "Key=", (_BASE64, 86), "=="),
    "Azure client": _key((_ALNUM, 3), "8" + "Q~", (_URL_SAFE, 34)),
    "Supabase": _key("sb" + "p_", (_HEX, 40)),
    "named, no prefix": _key('api_key = "', (_HEX, 32), '"'),
    "named as JSON": _key('"client_secret": "', (_ALNUM, 40), '"'),
    "bearer": _key('curl -H "Authorization: Bear' + "er ", (_ALNUM, 40), '" https://api.example.com/v1/items'),
    "header": _key("X-API-Key: ", (_LOWER, 32)),
}


def _lines(chance: random.Random, count: int, first: str = "") -> str:
    """Base64 in lines of 64, as RFC 7468 has them."""
    text = first + drawn(chance, _BASE64, 64 * count - len(first))
    return "\n".join(text[start : start + 64] for start in range(0, len(text), 64))


def block(label: str, body: str, *, parting: str = "\n") -> str:
    """A PEM block."""
    line = "-" * 5
    return parting.join((f"{line}BEGIN {label}{line}", body, f"{line}END {label}{line}"))


def _pem(label: str, count: int, first: str) -> Callable[[random.Random], str]:
    return lambda chance: block(label, _lines(chance, count, first))


_SECRET = "PRIVATE " + "KEY"
PRIVATE_KEYS: dict[str, Callable[[random.Random], str]] = {
    "PKCS 8": _pem(_SECRET, 26, "MIIEv"),
    "RSA": _pem(f"RSA {_SECRET}", 25, "MIIEp"),
    "EC": _pem(f"EC {_SECRET}", 3, "MHcCAQEE"),
    "DSA": _pem(f"DSA {_SECRET}", 10, "MIIBu"),
    "OpenSSH": _pem(f"OPENSSH {_SECRET}", 7, "b3BlbnNzaC1rZXktdjE"),
    "encrypted": _pem(f"ENCRYPTED {_SECRET}", 28, "MIIFH"),
    "RSA, encrypted": lambda chance: block(
        f"RSA {_SECRET}", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0\n\n" + _lines(chance, 25)
    ),
    "PGP": lambda chance: block(f"PGP {_SECRET} BLOCK", "Version: GnuPG v2\n\n" + _lines(chance, 30, "lQOYB")),
    "in JSON": lambda chance: json.dumps(
        {"type": "service_account", _SECRET.lower().replace(" ", "_"): block(_SECRET, _lines(chance, 26, "MIIEv"))}
    ),
    "in one line": lambda chance: block(f"RSA {_SECRET}", drawn(chance, _BASE64, 1600), parting=" "),
    "indented": lambda chance: block(f"EC {_SECRET}", _lines(chance, 3, "MHcC")).replace("\n", "\n    "),
    "cut off": lambda chance: block(f"RSA {_SECRET}", _lines(chance, 25, "MIIEp"))[:500],
    "PuTTY": lambda chance: (
        "PuTTY-User-" + "Key-File-2: ssh-rsa\nEncryption: none\nComment: key\nPublic-Lines: 6\n"
        f"{_lines(chance, 6)}\nPrivate-Lines: 14\n{_lines(chance, 14)}"
    ),
    "age": _key("AGE-SECRET-" + "KEY-1", ("QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)),
}


def _encoded(value: object) -> str:
    text = json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _token(chance: random.Random, header: dict[str, str], signature: int) -> str:
    claims = {"sub": drawn(chance, string.digits, 10), "iat": chance.randint(1_500_000_000, 1_900_000_000)}
    return f"{_encoded(header)}.{_encoded(claims)}.{drawn(chance, _URL_SAFE, signature)}"


TOKENS: dict[str, Callable[[random.Random], str]] = {
    "HS256": lambda chance: _token(chance, {"alg": "HS256", "typ": "JWT"}, 43),
    "HS512": lambda chance: _token(chance, {"alg": "HS512", "typ": "JWT"}, 86),
    "RS256 with a key's name": lambda chance: _token(
        chance, {"kid": drawn(chance, _HEX, 16), "typ": "JWT", "alg": "RS256"}, 342
    ),
    "ES256": lambda chance: _token(chance, {"typ": "JWT", "alg": "ES256"}, 86),
    "bearer": lambda chance: (
        "Authorization: Bear" + "er " + _token(chance, {"alg": "HS256", "typ": "JWT"}, 43) + "\nAccept: */*"
    ),
    "in a link": lambda chance: "https://example.org/in?token=" + _token(chance, {"alg": "HS256"}, 43) + "&next=1",
    "encrypted": lambda chance: ".".join(
        (
            _encoded({"alg": "RSA-OAEP", "enc": "A256GCM"}),
            *(drawn(chance, _URL_SAFE, size) for size in (342, 16, 120, 22)),
        )
    ),
}
