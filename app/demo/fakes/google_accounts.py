"""Who may call Google: service accounts, the assertions that they sign, the access tokens that they get, and their save links.

Source: Google, "Using OAuth 2.0 for Server to Server Applications"; "JWTs" of Google Wallet.
"""
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app.clock import Clock
from app.demo.fakes.google_shelf import OBJECT, Refusal, Shelf, check
from app.google.rules import issuer_of

SCOPE = "https://www.googleapis.com/auth/wallet_object.issuer"
SCOPES = "https://www.googleapis.com/auth/"
AUDIENCE = "https://oauth2.googleapis.com/token"        # what Google's own libraries write, wherever they post to
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_LIFE = timedelta(seconds=3599)
ASSERTION_LIFE = timedelta(hours=1)
AHEAD = timedelta(minutes=5)            # a clock that goes fast is forgiven this much
LONGEST_LINK = 1800


class TokenRefusal(Exception):
    """The token endpoint's no: OAuth's error and a description."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error, self.status = error, status


@dataclass(frozen=True)
class Account:
    """A service account; issuers: those whose users list names it."""

    client_email: str
    key: rsa.RSAPublicKey
    issuers: frozenset[str]


@dataclass(frozen=True)
class Grant:
    account: Account
    scope: str
    expires_at: datetime


def new_account(token_uri: str, name: str = "tessera") -> dict[str, str]:
    """A service account's key file, as Google's console hands one out."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    return {"type": "service_account", "project_id": "tessera-demo", "private_key_id": secrets.token_hex(20), "private_key": pem,
            "client_email": f"{name}@tessera-demo.iam.gserviceaccount.com", "client_id": str(secrets.randbelow(10**21)).zfill(21),
            "auth_uri": "https://accounts.google.com/o/oauth2/auth", "token_uri": token_uri}


@dataclass
class Accounts:
    """Everybody that Google knows. audiences: further token addresses that an assertion may name."""

    clock: Clock
    audiences: set[str] = field(default_factory=lambda: {AUDIENCE})
    known: dict[str, Account] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)

    def admit(self, file: Mapping[str, str], issuers: frozenset[str]) -> None:
        """The account of a key file becomes a user of `issuers`."""
        key = serialization.load_pem_private_key(file["private_key"].encode(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        self.known[file["client_email"]] = Account(file["client_email"], key.public_key(), issuers)

    def grant(self, form: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a JWT bearer assertion; raises TokenRefusal."""
        if form.get("grant_type") != GRANT:
            raise TokenRefusal("unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type')}")
        account, claims = self._read(str(form.get("assertion", "")))
        self._check_times(claims)
        if claims.get("aud") not in self.audiences:
            raise TokenRefusal("invalid_grant", "Invalid JWT: Failed audience check.")
        scope = str(claims.get("scope", ""))
        if not all(one.startswith(SCOPES) for one in scope.split()) or not scope.strip():
            raise TokenRefusal("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        token = "ya29." + secrets.token_urlsafe(32)
        self.grants[token] = Grant(account, scope, self.clock.now() + TOKEN_LIFE)
        return {"access_token": token, "expires_in": TOKEN_LIFE // timedelta(seconds=1), "token_type": "Bearer"}

    def of_bearer(self, header: str) -> Account:
        """Whose access token it is; raises Refusal: 401 for one that is not alive, 403 for the wrong scope."""
        kind, _, token = header.partition(" ")
        grant = self.grants.get(token) if kind.lower() == "bearer" else None
        if grant is None or grant.expires_at <= self.clock.now():
            raise Refusal(401, "authError", "Request had invalid authentication credentials. Expected OAuth 2 access token.", "global")
        if SCOPE not in grant.scope.split():
            raise Refusal(403, "insufficientPermissions", "Request had insufficient authentication scopes.", "global")
        return grant.account

    def end_tokens(self) -> None:
        """Every access token ends now, as when a key is revoked."""
        self.grants.clear()

    def _read(self, assertion: str) -> tuple[Account, dict[str, Any]]:
        try:
            if jwt.get_unverified_header(assertion).get("alg") != "RS256":
                raise TokenRefusal("invalid_grant", "Invalid JWT: only RS256 is supported.")
            issuer = jwt.decode(assertion, options={"verify_signature": False}).get("iss")
            if issuer not in self.known:
                raise TokenRefusal("invalid_grant", "Invalid grant: account not found")
            return self.known[issuer], _verified(assertion, self.known[issuer])
        except jwt.InvalidSignatureError:
            raise TokenRefusal("invalid_grant", "Invalid JWT Signature.") from None
        except jwt.PyJWTError:
            raise TokenRefusal("invalid_grant", "Bad Request") from None

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        issued, ends, now = claims.get("iat"), claims.get("exp"), self.clock.now().timestamp()
        is_short = (isinstance(issued, int) and isinstance(ends, int) and issued <= now + AHEAD.total_seconds()
                    and now < ends <= issued + ASSERTION_LIFE.total_seconds())
        if not is_short:
            raise TokenRefusal("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
                                                "timeframe. Check your iat and exp values in the JWT claim.")

    def object_of_link(self, token: str, shelf: Shelf) -> dict[str, Any]:
        """The stored object that a save link leads to; raises Refusal with what is wrong with the link.

        Stricter than Google: one object, by its ids alone; a link that carries more prints it into an address.
        """
        if len(token) > LONGEST_LINK:
            raise Refusal(400, "invalid", f"The JWT has {len(token)} characters; browsers cut links above {LONGEST_LINK}.")
        account, claims = self._of_link(token)
        check("SaveJwtClaims", claims)
        if claims["iat"] > self.clock.now().timestamp() + AHEAD.total_seconds():
            raise Refusal(400, "invalid", "The JWT was issued in the future.")
        objects = claims["payload"].get("loyaltyObjects", [])
        if len(objects) != 1 or len(claims["payload"]) != 1 or set(objects[0]) != {"id", "classId"}:
            raise Refusal(400, "invalid", "The link carries more than an object's ids.")
        if issuer_of(objects[0]["id"]) not in account.issuers:
            raise Refusal(403, "permissionDenied", "The service account is no user of this issuer.")
        stored = shelf.get(OBJECT, objects[0]["id"])
        if stored["classId"] != objects[0]["classId"]:
            raise Refusal(400, "invalid", "The object is of another class.")
        return stored

    def _of_link(self, token: str) -> tuple[Account, dict[str, Any]]:
        try:
            header, claims = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
            if header.get("alg") != "RS256" or header.get("typ") != "JWT" or claims.get("iss") not in self.known:
                raise Refusal(400, "invalid", "The JWT is not RS256, or of no account that is known here.")
            return self.known[claims["iss"]], _verified(token, self.known[claims["iss"]])
        except jwt.PyJWTError as exc:
            raise Refusal(400, "invalid", f"The JWT does not verify: {exc}") from None


def _verified(token: str, account: Account) -> dict[str, Any]:
    """The claims under a good signature. Times and audience are the caller's to judge: this clock is not the machine's."""
    return jwt.decode(token, account.key, algorithms=["RS256"], options={"verify_aud": False, "verify_exp": False, "verify_iat": False,
                                                                         "verify_nbf": False})
