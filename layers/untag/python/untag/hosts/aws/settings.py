"""Where this function's results go on AWS, out of its environment."""

from collections.abc import Mapping
from typing import NamedTuple

from untag import environment

_QUEUE_URL = r"https?://[A-Za-z0-9.:-]+/[0-9]{12}/[A-Za-z0-9_.-]+"
_TOPIC_ARN = r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+"


_GROUP = r"[A-Za-z0-9_.-]{1,64}"
_ROLE_ARN = r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+"


class Places(NamedTuple):
    """The queues and the topic. `own_queue_url` is set for a function that goes on by messages to itself.

    Requests are kept until later as schedules of `schedule_group`, which send as `schedule_role_arn`; without them they
    go round the work queue until their time has come.
    """

    queue_url: str
    dead_letter_queue_url: str
    topic_arn: str
    own_queue_url: str = ""
    schedule_group: str = ""
    schedule_role_arn: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], *, continues: bool) -> "Places":
        """Read the variables. Raises InvalidInputError for the first that is wrong."""
        group = environment.text(environ, "UNTAG_SCHEDULE_GROUP", "", pattern=_GROUP)
        return cls(
            own_queue_url=environment.text(environ, "UNTAG_SWEEP_QUEUE_URL", pattern=_QUEUE_URL) if continues else "",
            schedule_group=group,
            schedule_role_arn=environment.text(
                environ, "UNTAG_SCHEDULE_ROLE_ARN", None if group else "", pattern=_ROLE_ARN
            ),
            queue_url=environment.text(environ, "UNTAG_QUEUE_URL", pattern=_QUEUE_URL),
            dead_letter_queue_url=environment.text(environ, "UNTAG_DEAD_LETTER_QUEUE_URL", pattern=_QUEUE_URL),
            topic_arn=environment.text(environ, "UNTAG_TOPIC_ARN", pattern=_TOPIC_ARN),
        )
