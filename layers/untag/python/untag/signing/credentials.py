"""One account's key, as a value that does not print itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key with what belongs to it.

    Only `access_key` and `secret_key` are always there. `security_token` comes with temporary keys, `domain_id` is
    Huawei Cloud's account id, `projects` maps a Huawei region to its project id, and `rate` (calls a second) overrides
    the provider's own. None of them is shown by `repr`, so none can reach a log by way of an exception.
    """

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)
    domain_id: str | None = field(default=None, repr=False)
    projects: Mapping[str, str] = field(default_factory=dict, repr=False)
    rate: float | None = field(default=None, repr=False)
