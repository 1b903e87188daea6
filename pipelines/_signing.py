"""Signatures of files in minisign's format, made and checked by py-minisign; FILE.minisig lies beside FILE."""

import os
import sys
from getpass import getpass
from pathlib import Path
from types import ModuleType
from typing import Any

from pipelines._workspace import settle
from schemas.errors import UsageError, VerdictError

PASSWORD = "ASSAY_SIGNING_PASSWORD"
"""The secret key's password, where nobody is there to type it."""

# A line of minisign's key or signature has far less; what has more is no key.
_MOST_BYTES = 64 * 1024


def signature_of(path: Path) -> Path:
    """Where a file's signature lies."""
    return path.with_name(f"{path.name}.minisig")


def sign(path: Path, key: Path) -> Path:
    """Sign a file with a minisign secret key, and return the signature's path.

    The password of an encrypted key is PASSWORD in the environment, else it is asked for on a terminal. Raises
    UsageError where the key cannot be used.
    """
    minisign = _library()
    _refuse_large(key, "--sign")
    try:
        with minisign.SecretKey.from_file(key) as secret:
            if secret.is_encrypted():
                secret.decrypt(_password(key))
            said = bytes(secret.sign(path.read_bytes(), trusted_comment=f"file:{path.name}"))
    except OSError as error:
        raise UsageError(f"--sign {key}: cannot be read ({error.strerror}); name a minisign secret key") from error
    except (minisign.Error, ValueError) as error:
        raise UsageError(f"--sign {key}: {error}; name a minisign secret key, as `minisign -G` makes it") from error
    aside = path.with_name(f".{path.name}.minisig.aside")
    aside.write_bytes(said)
    settle(aside, signature_of(path))
    return signature_of(path)


def check_signature(path: Path, content: bytes, public_key: str | Path) -> None:
    """Raise VerdictError unless FILE.minisig signs FILE's `content` with this key: a file, or its own line."""
    minisign = _library()
    key = _public_key(minisign, public_key)
    signed = signature_of(path)
    try:
        _refuse_large(signed, "signature")
        key.verify(content, minisign.Signature.from_file(signed))
    except FileNotFoundError as error:
        raise VerdictError(f"{error.filename}: is missing, and the key asks for it; sign the verdict again") from error
    except OSError as error:
        raise VerdictError(f"{signed}: cannot be read ({error.strerror}); sign the verdict again") from error
    except minisign.VerifyError as error:
        why = "signed with another key" if "key identifiers" in str(error) else "altered after it was signed"
        raise VerdictError(f"{path}: was {why}; judge the release again and sign that") from error
    except (minisign.Error, ValueError) as error:
        raise VerdictError(f"{signed}: is no minisign signature ({error}); sign the verdict again") from error


def _public_key(minisign: ModuleType, said: str | Path) -> Any:
    try:
        if os.path.lexists(said):
            _refuse_large(Path(said), "--public-key")
            return minisign.PublicKey.from_file(said)
        return minisign.PublicKey.from_base64(str(said))
    except (OSError, minisign.Error, ValueError) as error:
        raise UsageError(f"--public-key {said}: is no minisign public key; give its file, or its line RW...") from error


def _refuse_large(path: Path, what: str) -> None:
    if path.stat().st_size > _MOST_BYTES:
        raise UsageError(f"{what} {path}: is no file of minisign's; it is far too large")


def _password(key: Path) -> str:
    if (said := os.environ.get(PASSWORD)) is not None:
        return said
    if sys.stdin.isatty():
        return getpass(f"Password of {key}: ")
    raise UsageError(f"--sign {key}: the key has a password; set {PASSWORD}, or run it in a terminal")


def _library() -> ModuleType:
    try:
        import minisign
    except ImportError as error:
        raise UsageError("signatures need py-minisign; install it: pip install 'assay[sign]'") from error
    module: ModuleType = minisign
    return module
