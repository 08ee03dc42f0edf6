"""The names of misbehaviour, and of the host's services that can be down.

They stand apart from what they name, so that a shell completes them at once.
"""

from collections.abc import Mapping
from typing import NamedTuple

MEANINGS: Mapping[str, str] = {
    "throttle": "429: too many calls",
    "unavailable": "503: the cloud is down",
    "status": "500, or another status",
    "unauthorized": "401: the key is refused",
    "forbidden": "403: a permission is missing",
    "refuse": "400: the whole call, for the ids or keys that are named",
    "partial": "a success in which resources failed",
    "count": "a success whose count is too small",
    "other_ids": "an answer about ids that nobody asked for",
    "reset": "the line is cut before anything is done",
    "stall": "no answer at all",
    "delay": "an answer that takes its time",
    "truncate": "done, and half an answer",
    "not_json": "a web page for an answer",
    "empty": "a success without a body",
    "redirect": "an answer that leads elsewhere",
    "huge": "done, and an answer of 16 MiB",
}
"""The kinds of `local.providers.faults`, and what each looks like to the caller."""

AWS_SERVICES: Mapping[str, str] = {
    "sns": "no report can be published",
    "sqs": "no message can be sent by a function",
    "secretsmanager": "no credentials can be read",
    "scheduler": "no request can be kept for later",
}
"""AWS's services beside the clouds, and what it means for the functions that one is down."""

OUTAGE = "unavailable"
"""The misbehaviour by which a service of the host is down: each request is answered with 503."""
AWS_KINDS = frozenset({"unavailable", "throttle", "forbidden", "status", "delay"})
"""What AWS's services know."""

FUNCTIONGRAPH_SERVICES: Mapping[str, str] = {
    "obs": "no queue can be read or written",
    "smn": "no report can be published",
    "csms": "no credentials can be read",
    "functiongraph": "no function can be called: what was sent waits for the timer",
}
"""The same of Huawei Cloud's."""


class HostServices(NamedTuple):
    """A host's services: whose they are, what it means that one is down, and the misbehaviour that they know."""

    whose: str
    meanings: Mapping[str, str]
    kinds: frozenset[str]


HOSTS: Mapping[str, HostServices] = {
    "aws": HostServices("AWS", AWS_SERVICES, AWS_KINDS),
    "functiongraph": HostServices(
        "Huawei Cloud",
        FUNCTIONGRAPH_SERVICES,
        frozenset(MEANINGS) - {"refuse", "partial", "count", "other_ids"},
    ),
}
"""By the host of a stack."""
