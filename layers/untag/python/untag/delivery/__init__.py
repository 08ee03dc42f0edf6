"""Where results go: reports to the topic, dead letters and remainders to their queues.

`messages` are the values and their sizes, `outbox` sends them in batches and reads failures out of answers of success.
"""

from untag.delivery.messages import (
    Message,
    dead_letters,
    notice_message,
    rejected_letter,
    rejection_message,
    remainder_messages,
    report_message,
    request_messages,
    traced,
)
from untag.delivery.outbox import DeliveryError, Outbox

__all__ = [
    "DeliveryError",
    "Message",
    "Outbox",
    "dead_letters",
    "notice_message",
    "rejected_letter",
    "rejection_message",
    "remainder_messages",
    "report_message",
    "request_messages",
    "traced",
]
