"""What is deployed on FunctionGraph: functions with their limits, and the timers. deploy/functiongraph says it too."""

from typing import NamedTuple

REMOVE = "untag-remove"
DECOMMISSION = "untag-decommission"
SWEEP = "untag-sweep"
DUE = "untag-due"

BUCKET = "untag"
TOPIC = "untag-reports"
"""Reports go out by this topic."""
REQUESTS_TOPIC = "untag-requests"
"""Requests come in by this one."""
EVENTS_TOPIC = "untag-events"
"""Decommission events come in by this one."""
SECRETS = "untag"
"""What the names of secrets begin with."""


class Deployed(NamedTuple):
    """One function."""

    name: str
    handler: str
    timeout: float
    max_instances: int
    queue: str = ""
    """The queue that it works at; empty for the timer's."""


FUNCTIONS = (
    Deployed(REMOVE, "index.remove", 120.0, 5, "work"),
    Deployed(DECOMMISSION, "index.decommission", 120.0, 2, "decommission"),
    Deployed(SWEEP, "index.sweep", 900.0, 1, "sweep"),
    Deployed(DUE, "index.due", 55.0, 1),
)
MAX_PAIRS = 1000
"""What a request may ask for, where no setting says more or less."""
RETRIES = 3
"""Of an asynchronous request that fails."""

GIVEN_UP = "given-up/"
"""Under this prefix of the bucket lies what the platform gives up: the destination of failures."""

DUE_TIMER = "untag-due"
SWEEP_TIMER = "untag-sweep"
EACH_MINUTE = "0 * * * * *"
EACH_NIGHT = "CRON_TZ=Asia/Shanghai 0 0 2 * * *"
