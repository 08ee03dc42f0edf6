"""A stack's dead letters, what comes later, and what was published on its topics."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from local.aws import timetable
from local.shapes import DeadLetter, Notification

if TYPE_CHECKING:
    from local.aws.services import Aws
    from local.aws.strict import StrictQueues, StrictTopics


_MILLISECONDS = 1000


def dead_letters(queues: "StrictQueues", names: Iterable[str]) -> list[DeadLetter]:
    """Every message on these queues, oldest first."""
    return [
        DeadLetter(
            name,
            message.id,
            message.body,
            {key: str(value.get("StringValue", "")) for key, value in message.message_attributes.items()},
            message.approximate_receive_count,
        )
        for name in names
        for message in queues.messages(name)
    ]


def notifications(topics: "StrictTopics", arns: Iterable[str], seen: Mapping[str, int]) -> list[Notification]:
    """What was published, in order; `seen` says how many of each topic's to leave out, by the topic's name.

    A topic that has been deleted has nothing; one that was created anew begins anew.
    """
    listed = []
    for arn in arns:
        topic = topics.topics.get(arn)
        published = [] if topic is None else topic.sent_notifications
        name = arn.rpartition(":")[2]
        known = seen.get(name, 0)
        known = known if known <= len(published) else 0
        for number, (message_id, message, subject, attributes, _) in enumerate(published[known:], known + 1):
            texts = {key: str(value.get("Value")) for key, value in (attributes or {}).items()}
            listed.append(Notification(name, message_id, subject, texts, _parsed(message), number))
    return listed


class Delayed(NamedTuple):
    """A message that comes later: it is delayed on a queue (its logical id), or kept, with no queue. `due` is in
    seconds since the epoch.
    """

    queue: str
    id: str
    body: str
    due: float


def delayed(aws: "Aws", queues: Mapping[str, str]) -> list[Delayed]:
    """Everything that comes later, the next one first; `queues` are the queues' names by logical id."""
    waiting = [
        Delayed(logical_id, message.id, message.body, message.delayed_until / _MILLISECONDS)
        for logical_id, name in queues.items()
        for message in aws.queues.messages(name)
        if message.delayed
    ]
    now = datetime.now(UTC)
    for group in list(aws.scheduler.schedule_groups.values()):
        for name, schedule in list(group.schedules.items()):
            once = timetable.parse(schedule.schedule_expression, schedule.schedule_expression_timezone, now)
            if isinstance(once, timetable.Once) and schedule.state == "ENABLED":
                waiting.append(Delayed("", name, schedule.target["Input"], once.moment.timestamp()))
    return sorted(waiting, key=lambda one: (one.due, one.id))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
