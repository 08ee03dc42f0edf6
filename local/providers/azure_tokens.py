"""Tokens as Entra ID and AWS's STS give them out on this machine: JSON Web Tokens that this process can check.

Entra's access tokens are signed with a secret of this process, since only the local Azure reads them. STS's web
identity tokens bear RS256, as AWS's do: Entra checks them with the issuer's public key.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

ISSUER = "https://00000000-0000-4000-8000-000000000000.tokens.sts.global.api.aws"
_SECRET = secrets.token_bytes(32)
_PARTS = 3


def access_token(claims: Mapping[str, Any]) -> str:
    """An access token of the local Entra ID."""
    signed = _unsigned("HS256", claims)
    return f"{signed}.{_text(_mac(signed))}"


def claims_of_access_token(token: str) -> dict[str, Any] | None:
    """What an access token says; None where the local Entra ID has not given it out."""
    signed, _, signature = token.rpartition(".")
    own = _text(_mac(signed)).encode()
    return _claims(token) if hmac.compare_digest(own, signature.encode("utf-8", "replace")) else None


def web_identity_token(claims: Mapping[str, Any]) -> str:
    """A web identity token of the local STS."""
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - it takes long to import
    from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415

    signed = _unsigned("RS256", claims)
    return f"{signed}.{_text(_key().sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def claims_of_web_identity_token(token: str) -> dict[str, Any] | None:
    """What a web identity token says; None where the local STS has not given it out."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415

    signed, _, signature = token.rpartition(".")
    try:
        _key().public_key().verify(_bytes(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return None
    return _claims(token)


@cache
def _key() -> "RSAPrivateKey":
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _unsigned(algorithm: str, claims: Mapping[str, Any]) -> str:
    head = {"typ": "JWT", "alg": algorithm}
    return ".".join(_text(json.dumps(part).encode()) for part in (head, claims))


def _claims(token: str) -> dict[str, Any] | None:
    parts = token.split(".")
    try:
        claims = json.loads(_bytes(parts[1])) if len(parts) == _PARTS else None
    except ValueError:
        return None
    return claims if isinstance(claims, dict) else None


def _mac(signed: str) -> bytes:
    return hmac.digest(_SECRET, signed.encode("utf-8", "replace"), hashlib.sha256)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
