"""The timer of the sweeps, as Terraform's variables make it."""

import json
from collections.abc import Mapping

from local.errors import LocalError
from local.functiongraph.deployment import EACH_NIGHT, SWEEP, SWEEP_TIMER
from local.functiongraph.timers import TimerTrigger, parse
from local.shapes import are_rules

VARIABLES = ("sweep_rules", "sweep_schedule")
"""Those that can be given here."""
_NOTHING = '{"rules": []}'


def sweep_timer(variables: Mapping[str, str]) -> TimerTrigger:
    """The timer, on where there are rules. LocalError for what Terraform would refuse, and what is not known here."""
    if unknown := [name for name in variables if name not in VARIABLES]:
        raise LocalError(f"there is no variable {unknown[0]} for this stack", f"there is {', '.join(VARIABLES)}")
    rules = variables.get("sweep_rules", "")
    schedule = parse(variables.get("sweep_schedule", EACH_NIGHT))
    return TimerTrigger(SWEEP_TIMER, SWEEP, schedule, _sweep(rules) if rules else _NOTHING, enabled=bool(rules))


def note_on(timer: TimerTrigger) -> str:
    """What is odd about a timer, for the person who fires it; empty if nothing is."""
    if timer.user_event != _NOTHING:
        return ""
    return (
        "the timer has no rules, so the sweep looks for nothing: give it some with "
        "--parameter sweep_rules='[…]' when the stack is started"
    )


def _sweep(rules: str) -> str:
    """A sweep's JSON; a list is its rules."""
    try:
        content = json.loads(rules)
    except ValueError as error:
        raise LocalError(f"sweep_rules is not JSON: {error}", "a list of rules, or a sweep with rules") from None
    if are_rules(content):
        return f'{{"rules": {rules}}}'
    if not isinstance(content, dict) or "rules" not in content:
        raise LocalError("sweep_rules has no rules", "a list of rules, or a sweep with rules")
    return rules
