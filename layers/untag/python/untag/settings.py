"""The environment, read once. A mistake names the variable, never its value."""

from collections.abc import Mapping
from typing import NamedTuple

from untag import environment
from untag.core import Policy, Rate

QUEUE_URL = r"https?://[A-Za-z0-9.:-]+/[0-9]{12}/[A-Za-z0-9_.-]+"


class Settings(NamedTuple):
    """What a stack is told by its environment; every variable but the queues' and the topic's has a default.

    A provider's own variables (its endpoint, what goes into one call) are read by its module.
    """

    queue_url: str
    dead_letter_queue_url: str
    topic_arn: str
    credentials: str
    """`env`, `file:PATH` or `secretsmanager:PREFIX`."""
    read_first: bool
    policy: Policy
    rate: Rate
    concurrency: int
    """Provider calls in flight."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Settings":
        """Read every variable. Raises InvalidInputError for the first that is wrong."""
        rate = environment.number(environ, "UNTAG_RATE", 0.0, low=0.0, high=100_000.0)
        return cls(
            queue_url=environment.text(environ, "UNTAG_QUEUE_URL", pattern=QUEUE_URL),
            dead_letter_queue_url=environment.text(environ, "UNTAG_DEAD_LETTER_QUEUE_URL", pattern=QUEUE_URL),
            topic_arn=environment.text(
                environ, "UNTAG_TOPIC_ARN", pattern=r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+"
            ),
            credentials=environment.text(
                environ,
                "UNTAG_CREDENTIALS",
                "env",
                pattern=r"env|file:.+|secretsmanager:[A-Za-z0-9_+=.@-][A-Za-z0-9/_+=.@-]*",
            ),
            read_first=environment.switch(environ, "UNTAG_READ_FIRST", default=True),
            policy=Policy(
                dry_run=environment.switch(environ, "UNTAG_DRY_RUN", default=False),
                protected_keys=environment.words(environ, "UNTAG_PROTECTED_KEYS"),
                max_pairs=environment.whole(environ, "UNTAG_MAX_PAIRS", 1000, low=1, high=100_000),
                allowed_accounts=frozenset(environment.words(environ, "UNTAG_ALLOWED_ACCOUNTS")),
                allowed_regions=frozenset(environment.words(environ, "UNTAG_ALLOWED_REGIONS")),
                allowed_types=frozenset(environment.words(environ, "UNTAG_ALLOWED_TYPES")),
                max_attempts=environment.whole(environ, "UNTAG_MAX_ATTEMPTS", 10, low=1, high=1000),
                max_age=environment.duration(environ, "UNTAG_MAX_AGE", 86400.0),
            ),
            rate=Rate(rate or None, environment.whole(environ, "UNTAG_ENVIRONMENTS", 1, low=1, high=1000)),
            concurrency=environment.whole(environ, "UNTAG_CONCURRENCY", 32, low=1, high=1000),
        )
