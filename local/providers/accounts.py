"""The accounts that a local cloud knows."""

from dataclasses import dataclass, field


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
