"""The temporary keys that an agency gives a function, a user's own keys, and who takes them for valid.

Huawei Cloud hands a function new keys now and then; those from before stay valid for a while (24 hours there).
"""

import secrets
import threading
from typing import NamedTuple

from local.providers.accounts import Account

NAME = "agency"
"""The account that the keys belong to, at the host's own services."""


class TemporaryKeys(NamedTuple):
    """What the context of an invocation holds."""

    access_key: str
    secret_key: str
    security_token: str


class UserKeys(NamedTuple):
    """What a person has: keys that last, without a token."""

    access_key: str
    secret_key: str


class Agency:
    """Issues temporary keys. `accounts` are those that are valid now, as a verifier asks for them."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self._trusting: list[tuple[dict[str, Account], str | None, str]] = [(self.accounts, None, NAME)]
        self._issued: list[TemporaryKeys] = []
        self._lock = threading.Lock()
        self.rotate()

    @property
    def keys(self) -> TemporaryKeys:
        """The keys that the next invocation is given."""
        with self._lock:
            return self._issued[-1]

    def add_user(self, name: str) -> UserKeys:
        """Keys of a person, which the host's own services take as well."""
        keys = UserKeys(secrets.token_hex(10).upper(), secrets.token_hex(20))
        with self._lock:
            self.accounts[keys.access_key] = Account(keys.secret_key, None, None, name)
        return keys

    def rotate(self) -> TemporaryKeys:
        """Issue new keys; the earlier ones stay valid."""
        keys = TemporaryKeys(
            f"HST{secrets.token_hex(9).upper()[:17]}", secrets.token_hex(20), secrets.token_urlsafe(96)
        )
        with self._lock:
            self._issued.append(keys)
            for accounts, domain_id, name in self._trusting:
                _admit(accounts, keys, domain_id, name)
        return keys

    def revoke(self) -> None:
        """Let no keys be valid but the newest ones."""
        with self._lock:
            for keys in self._issued[:-1]:
                for accounts, _, _ in self._trusting:
                    accounts.pop(keys.access_key, None)
            del self._issued[:-1]

    def trust(self, accounts: dict[str, Account], domain_id: str | None, name: str = "default") -> None:
        """Have a local cloud take the keys for those of one of its accounts, from now on."""
        with self._lock:
            self._trusting.append((accounts, domain_id, name))
            for keys in self._issued:
                _admit(accounts, keys, domain_id, name)


def _admit(accounts: dict[str, Account], keys: TemporaryKeys, domain_id: str | None, name: str) -> None:
    accounts[keys.access_key] = Account(keys.secret_key, keys.security_token, domain_id, name)
