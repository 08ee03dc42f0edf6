"""A stack's dead letters, and what was published on its topics."""

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from local.shapes import DeadLetter, Notification

if TYPE_CHECKING:
    from local.aws.strict import StrictQueues, StrictTopics


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


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
