"""The guardrails: what is held back before any call is made."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from untag.contracts import Outcome, RemovalRequest, Result, Tag
from untag.core.jobs import Block


class Policy(NamedTuple):
    """A stack's own limits. Empty allow-lists allow all; `protected_keys` are globs, matched case-sensitively."""

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
        if request.not_after is not None and now > request.not_after.timestamp():
            return Result(Outcome.FAILED, "expired", f"not_after was {request.not_after.isoformat()}")
        if (pairs := request.pairs()) > self.max_pairs:
            return _protected("too_many_pairs", f"{pairs} pairs, this stack takes {self.max_pairs} in one request")
        for code, message in self._not_allowed(request, block.scope.type):
            return _protected(code, message)
        return None

    def protects(self, block: Block, tag: Tag) -> Result | None:
        """The result of a tag whose key is protected."""
        if tag.key.startswith(block.provider.reserved_prefixes):
            return _protected("reserved_key", "keys with this prefix belong to the cloud")
        if any(fnmatchcase(tag.key, glob) for glob in self.protected_keys):
            return _protected("protected_key", "this stack protects the key")
        return None

    def exhausted(self, request: RemovalRequest, first_attempt_at: float, now: float) -> bool:
        """Whether a request has been tried both often and long enough."""
        return request.attempt >= self.max_attempts and now - first_attempt_at > self.max_age

    def _not_allowed(self, request: RemovalRequest, type_: str) -> Iterator[tuple[str, str]]:
        if self.allowed_accounts and request.account not in self.allowed_accounts:
            yield "account_not_allowed", "this stack does not work at the account"
        # A request without a region reaches a global service, which an allow-list of regions cannot vouch for.
        if self.allowed_regions and request.region not in self.allowed_regions:
            yield "region_not_allowed", "this stack does not work in the region"
        if self.allowed_types and type_ not in self.allowed_types:
            yield "type_not_allowed", "this stack does not work at resources of this type"


def _protected(code: str, message: str) -> Result:
    return Result(Outcome.PROTECTED, code, message)
