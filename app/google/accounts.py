"""A service account's key file: read once, its key parsed once. The same key signs requests for tokens and save links."""
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from app.errors import FieldError, Invalid
from app.text import N_

MOST_BYTES = 16 * 1024
LEAST_BITS = 2048
TOKENS = "https://oauth2.googleapis.com/token"
ISSUER_DIGITS = 30


class _File(msgspec.Struct):
    type: str = ""
    client_email: str = ""
    private_key: str = ""
    private_key_id: str = ""
    token_uri: str = ""


@dataclass(frozen=True)
class Account:
    """A service account. key: never shown; token_uri: what its file names, "" for none or no address."""

    client_email: str
    key_id: str
    key: RSAPrivateKey = field(repr=False)
    token_uri: str = ""


@dataclass(frozen=True)
class Issuer:
    """Who issues cards at Google. row_id: of google_issuers, 0 for the server's own; token_url: where its tokens come from."""

    issuer_id: str
    account: Account
    token_url: str
    row_id: int = 0


def read_account(data: bytes) -> Account:
    """The account from its JSON. Raises Invalid (field `account`) with a sentence."""
    try:
        found = msgspec.json.decode(data, type=_File) if len(data) <= MOST_BYTES else None
    except msgspec.DecodeError:
        found = None
    if found is None:
        raise _wrong(N_("This is not the JSON file that Google gives for a service account's key."))
    if found.type != "service_account" or "@" not in found.client_email or not found.private_key:
        raise _wrong(N_("This file is no service account's key. In Google's console, make a key of the type JSON for the service account."))
    try:
        key = load_pem_private_key(found.private_key.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _wrong(N_("The private key in this file cannot be read. Download a new key from Google's console.")) from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < LEAST_BITS:
        raise _wrong(N_("The private key in this file is not an RSA key of 2048 bits or more. Download a new key from Google's console."))
    is_address = urlsplit(found.token_uri).scheme in ("http", "https")
    return Account(found.client_email, found.private_key_id, key, found.token_uri if is_address else "")


def read_issuer_id(text: str) -> str:
    """The digits that Google's console shows. Raises Invalid (field `issuer_id`)."""
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= ISSUER_DIGITS):
        raise Invalid(fields=[FieldError("issuer_id", "digits", N_("Type the issuer ID as digits, as Google's console shows it."))])
    return digits


def _wrong(sentence: str) -> Invalid:
    return Invalid(fields=[FieldError("account", "account", sentence)])
