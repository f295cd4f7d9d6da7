"""Passkeys (W3C, "Web Authentication: An API for accessing Public Key Credentials, Level 3"): made, and asked for at the door.

The `webauthn` library reads and verifies what browsers answer; here stands what it must be asked for: our site alone, the person
themselves (user verification), and every challenge answered once. A challenge travels sealed with its end, so that whoever only looks
at the sign-in page leaves nothing behind.
"""
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from app import secrets
from app.clock import to_ms
from app.db import Database, Transaction
from app.errors import Invalid, Refused, Unauthenticated
from app.secrets import CannotOpen, KeyRing
from app.staff import factors, rules
from app.staff import factors_store as store
from app.staff.rules import Account
from app.text import N_

CHALLENGE, USER = "staff.challenge", "staff.passkey_user"
CHALLENGE_MINUTES = 5
_TRANSPORTS = {"usb", "nfc", "ble", "internal", "hybrid", "smart-card", "cable"}


class WrongPasskey(Unauthenticated):
    code = "wrong_passkey"
    detail = N_("This passkey does not open anything here, or it took too long. Try again, or sign in with your password.")


class TooManyPasskeys(Refused):
    code = "too_many_passkeys"
    detail = N_("There are 20 passkeys already. Remove one that you no longer use.")


class Site:
    """Who asks, as browsers know it. origin: of TESSERA_URL; a passkey is bound to its host, whatever port and path."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.origin, self.host = f"{parts.scheme}://{parts.netloc}", parts.hostname or ""


def options_to_make(site: Site, ring: KeyRing, account: Account, email: str, name: str, known: list[bytes],
                    now: datetime) -> dict[str, Any]:
    """{options, ticket}: what the browser makes a passkey from, and the sealed challenge that comes back with it."""
    from webauthn import generate_registration_options
    from webauthn.helpers import options_to_json_dict
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    challenge = secrets.new_bytes(32)
    options = generate_registration_options(
        rp_id=site.host, rp_name="Tessera", user_name=email, user_display_name=name, challenge=challenge,
        # The same for all passkeys of a person, and nothing of the person in it.
        user_id=ring.lookup_hash(USER, f"{account.kind}:{account.id}"),
        authenticator_selection=AuthenticatorSelectionCriteria(resident_key=ResidentKeyRequirement.REQUIRED,
                                                               user_verification=UserVerificationRequirement.REQUIRED),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=each) for each in known])
    return {"options": options_to_json_dict(options), "ticket": _ticket(ring, challenge, _purpose(account), now)}


def options_to_ask(site: Site, ring: KeyRing, account_kind: str, now: datetime) -> dict[str, Any]:
    """{options, ticket} for a sign-in or a confirmation: any passkey of ours will do, nobody is named."""
    from webauthn import generate_authentication_options
    from webauthn.helpers import options_to_json_dict
    from webauthn.helpers.structs import UserVerificationRequirement

    challenge = secrets.new_bytes(32)
    options = generate_authentication_options(rp_id=site.host, challenge=challenge, user_verification=UserVerificationRequirement.REQUIRED)
    return {"options": options_to_json_dict(options), "ticket": _ticket(ring, challenge, account_kind, now)}


def _purpose(account: Account) -> str:
    return f"{account.kind}:{account.id}"


def _ticket(ring: KeyRing, challenge: bytes, purpose: str, now: datetime) -> str:
    end = to_ms(now + timedelta(minutes=CHALLENGE_MINUTES))
    return ring.seal(CHALLENGE, end.to_bytes(8, "big") + challenge, purpose.encode()).hex()


def _challenge(ring: KeyRing, ticket: str, purpose: str, now: datetime) -> bytes:
    """Raises WrongPasskey for a ticket that is not ours, of another purpose, or too old."""
    try:
        opened = ring.open(CHALLENGE, bytes.fromhex(ticket), purpose.encode())
    except (CannotOpen, ValueError) as exc:
        raise WrongPasskey() from exc
    if int.from_bytes(opened[:8], "big") <= to_ms(now):
        raise WrongPasskey()
    return opened[8:]


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise WrongPasskey() from exc
    if not isinstance(found, dict):
        raise WrongPasskey()
    return found


def read_new(site: Site, ring: KeyRing, account: Account, ticket: str, answer: str, now: datetime) -> dict[str, Any]:
    """What a browser made, verified: {credential_id, public_key, sign_count, transports, challenge}. Raises WrongPasskey.

    answer: the credential as JSON (RegistrationResponseJSON). No attestation is asked for: which maker's device it is, is not judged.
    """
    from webauthn import verify_registration_response
    from webauthn.helpers.exceptions import WebAuthnException

    challenge, credential = _challenge(ring, ticket, _purpose(account), now), _parsed(answer)
    try:
        made = verify_registration_response(credential=credential, expected_challenge=challenge, expected_rp_id=site.host,
                                            expected_origin=site.origin, require_user_verification=True)
    except (WebAuthnException, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise WrongPasskey() from exc
    told = credential.get("response", {}).get("transports")
    transports = sorted({each for each in told if isinstance(each, str)} & _TRANSPORTS) if isinstance(told, list) else []
    return {"credential_id": made.credential_id, "public_key": made.credential_public_key, "sign_count": made.sign_count,
            "transports": " ".join(transports), "challenge": challenge}


async def keep(tx: Transaction, ring: KeyRing, account: Account, made: Mapping[str, Any], name: str, now: datetime) -> int:
    """The new passkey's id. made: of `read_new`. Raises Invalid (name), TooManyPasskeys, WrongPasskey for one that is kept already."""
    if len(await store.passkeys(tx, account)) >= rules.PASSKEYS_MOST:
        raise TooManyPasskeys()
    if len(made["credential_id"]) > 1023:       # Level 3, section 7.1
        raise Invalid()
    await _answer_once(tx, ring, made["challenge"], now)
    kept = await store.append_passkey(tx, account, {
        "name_sealed": factors.seal_name(ring, account, name), "created_at": to_ms(now),
        **{key: made[key] for key in ("credential_id", "public_key", "sign_count", "transports")}})
    if kept is None:
        raise WrongPasskey()
    return kept


async def _answer_once(tx: Transaction, ring: KeyRing, challenge: bytes, now: datetime) -> None:
    if not await store.use_challenge(tx, ring.lookup_hash(CHALLENGE, challenge.hex()), to_ms(now + timedelta(minutes=CHALLENGE_MINUTES))):
        raise WrongPasskey()


async def whose(db: Database, site: Site, ring: KeyRing, account_kind: str, ticket: str, answer: str,
                now: datetime) -> tuple[Account, Mapping[str, Any]]:
    """The account whose passkey signed our challenge, and what `use` needs of it. Raises WrongPasskey.

    answer: the assertion as JSON (AuthenticationResponseJSON).
    """
    from webauthn import base64url_to_bytes, verify_authentication_response
    from webauthn.helpers.exceptions import WebAuthnException

    challenge, credential = _challenge(ring, ticket, account_kind, now), _parsed(answer)
    try:
        row = await store.passkey_by_credential(db, account_kind, base64url_to_bytes(credential["rawId"]))
        if row is None:
            raise WrongPasskey()
        found = verify_authentication_response(
            credential=credential, expected_challenge=challenge, expected_rp_id=site.host, expected_origin=site.origin,
            credential_public_key=bytes(row["public_key"]), credential_current_sign_count=row["sign_count"],
            require_user_verification=True)
    except (WebAuthnException, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise WrongPasskey() from exc
    account = Account(row["account_kind"], row["account_id"], row["business_id"])
    return account, {"id": row["id"], "sign_count": found.new_sign_count, "challenge": challenge}


async def use(tx: Transaction, ring: KeyRing, used: Mapping[str, Any], now: datetime) -> None:
    """Takes the answer, once. used: of `whose`. Raises WrongPasskey."""
    await _answer_once(tx, ring, used["challenge"], now)
    await store.note_passkey_use(tx, used["id"], used["sign_count"], to_ms(now))


async def rename(tx: Transaction, ring: KeyRing, account: Account, passkey_id: int, name: str) -> bool:
    """False where there is none of theirs with that id. Raises Invalid (name)."""
    return await store.rename_passkey(tx, account, passkey_id, factors.seal_name(ring, account, name))


async def known_ids(db: Database, account: Account) -> list[bytes]:
    """The credentials that the account has already: a device makes no second one."""
    return [bytes(row["credential_id"]) for row in await store.passkeys(db, account)]
