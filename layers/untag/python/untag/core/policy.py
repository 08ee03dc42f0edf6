"""The guardrails: what is held back before any call is made."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from untag.contracts import ALL, Outcome, RemovalRequest, Result, Tag
from untag.core.jobs import Block
from untag.providers import Location, Provider, Scope
from untag.providers.credentials import Credentials

HELD_WHOLE = frozenset({"too_many_pairs", "account_not_allowed", "region_not_allowed", "type_not_allowed"})
"""Codes of a request that is held back as a whole: reported as one fact, not pair by pair."""


class Policy(NamedTuple):
    """A stack's own limits. Empty allow-lists allow all.

    `protected_keys` are globs. They are compared as the provider compares keys.
    """

    dry_run: bool = False
    protected_keys: tuple[str, ...] = ()
    max_pairs: int = 1000
    allowed_accounts: frozenset[str] = frozenset()
    allowed_regions: frozenset[str] = frozenset()
    allowed_types: frozenset[str] = frozenset()
    max_attempts: int = 10
    max_age: float = 86400.0

    def hold_back(self, block: Block, now: float) -> Result | None:
        """The result of the whole block, if a guardrail or its own date keeps it from being worked at."""
        request = block.job.request
        if block.tags != [ALL] and (held := self.too_many(request.pairs())) is not None:
            return held
        location = Location.of(request)
        if (forbidden := self.forbids(location, block.scope)) is not None:
            return forbidden
        if request.not_after is not None and now > request.not_after.timestamp():
            return Result(Outcome.FAILED, "expired", f"not_after was {request.not_after.isoformat()}")
        return None

    def forbids(self, location: Location, scope: Scope) -> Result | None:
        """The result of every pair at a location that the settings do not allow."""
        for code, message in self._not_allowed(location, scope):
            return _protected(code, message)
        return None

    def too_many(self, pairs: int) -> Result | None:
        """The result of every pair of a request that comes to so many."""
        if pairs <= self.max_pairs:
            return None
        return _protected("too_many_pairs", f"{pairs} pairs, and the settings allow {self.max_pairs} in one request")

    def protects(self, provider: Provider, key: str) -> Result | None:
        """The result of a tag whose key belongs to the cloud, or is protected by the settings."""
        if is_reserved(provider, key):
            return _protected("reserved_key", "keys with this prefix belong to the cloud")
        comparable = provider.comparable_key(key)
        if any(fnmatchcase(comparable, provider.comparable_key(glob)) for glob in self.protected_keys):
            return _protected("protected_key", "the settings protect the key")
        return None

    def removable(self, provider: Provider, tags: Mapping[str, str]) -> tuple[Tag, ...]:
        """The tags of a resource that are neither reserved nor protected, in the order of their keys."""
        return tuple(Tag(key, value) for key, value in sorted(tags.items()) if self.protects(provider, key) is None)

    def misplaced(self, provider: Provider, credentials: Credentials, scope: Scope) -> Result | None:
        """The result of pairs in a project that cannot be placed in one of the allowed regions."""
        if not self.allowed_regions or scope.project_id is None:
            return None
        if (region := provider.region_of(credentials, scope)) in self.allowed_regions:
            return None
        if region is not None:
            return _protected("region_not_allowed", f"the project is in {region}, which the settings do not allow")
        return _protected("region_not_allowed", "the account's credentials place the project in no allowed region")

    def exhausted(self, request: RemovalRequest, first_attempt_at: float, now: float) -> bool:
        """Whether a request has been tried both often and long enough."""
        return request.attempt >= self.max_attempts and now - first_attempt_at > self.max_age

    def _not_allowed(self, location: Location, scope: Scope) -> Iterator[tuple[str, str]]:
        if self.allowed_accounts and location.account not in self.allowed_accounts:
            yield "account_not_allowed", "the settings do not allow the account"
        # A request without a region reaches a global service, which an allow-list of regions cannot vouch for; a
        # project's region is known once the credentials are read (`misplaced`).
        in_a_project = location.region is None and scope.project_id is not None
        if self.allowed_regions and location.region not in self.allowed_regions and not in_a_project:
            what = "the region" if location.region else "a request that names no region"
            yield "region_not_allowed", f"the settings do not allow {what}"
        if self.allowed_types and scope.type not in self.allowed_types:
            yield "type_not_allowed", "the settings do not allow resources of this type"


def is_reserved(provider: Provider, key: str) -> bool:
    """Whether a key belongs to the cloud, as the provider compares keys."""
    reserved = tuple(map(provider.comparable_key, provider.reserved_prefixes))
    return provider.comparable_key(key).startswith(reserved)


def _protected(code: str, message: str) -> Result:
    return Result(Outcome.PROTECTED, code, message)
