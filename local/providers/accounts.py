"""Accounts of a local cloud, resources to begin with, and made-up keys and account numbers."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Account:
    """One cloud account, as its access key's owner can prove it.

    Two access keys whose accounts bear the same `name` belong to one account and see the same tags, as
    after a key was rotated.
    """

    secret_key: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)
    domain_id: str | None = None
    name: str = "default"
    projects: Mapping[str, str] = field(default_factory=dict)
    """Huawei Cloud's project ids by region, as a secret names them."""


class Resource(NamedTuple):
    """A resource and its tags as a request names them, to be made at a local cloud."""

    provider: str
    account: str
    region: str
    project_id: str
    type: str
    id: str
    tags: Mapping[str, str]


def made_up(*parts: str) -> str:
    """64 hex digits that are always the same for the same parts: keys and numbers of accounts that are made here."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()


def made_up_number(digits: int, *parts: str) -> str:
    """An account's number of so many digits that is always the same for the same parts."""
    return f"{int(made_up(*parts), 16) % 10**digits:0{digits}}"
