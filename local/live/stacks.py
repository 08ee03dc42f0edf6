"""Adapters for both hosts: functions, faults and delays of a stack, for the live view and the commands."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from local.aws import contents
from local.providers.faults import Faults

if TYPE_CHECKING:
    from local.functiongraph.stack import FunctionGraphStack
    from local.stack import Stack

    AnyStack = Stack | FunctionGraphStack

# The latest failures of each function that are shown.
_LAST = 5


class FunctionSeen(NamedTuple):
    """A function: its name, its time-out in seconds, and how much it has to do."""

    name: str
    timeout: float
    busy: int
    invocations: int


class Side(Protocol):
    """The host's side of a stack."""

    @property
    def faults(self) -> Mapping[str, Faults]:
        """The rules by which the host's own services misbehave, by their names."""

    def describe(self) -> dict[str, Any]:
        """Where the host's services are, what is deployed and what it gives out, as JSON."""

    def functions(self) -> dict[str, FunctionSeen]:
        """The functions, by the names that commands take."""

    def environment(self) -> dict[str, str]:
        """The variables that make another process speak to the host's services."""

    def delayed(self) -> list[contents.Delayed]:
        """What comes later, the next one first."""

    def failures(self) -> dict[str, list[str]]:
        """What went wrong lately where nobody waits for an answer, by what failed."""

    def missing(self) -> list[str]:
        """What has been deleted since the stack started."""

    def down(self) -> Sequence[str]:
        """The host's services that refuse every request."""

    def takes_requests(self, function: str) -> bool:
        """Whether it is the function that takes removal requests."""


class OnAws:
    """The template's queues, functions and schedules."""

    def __init__(self, stack: "Stack") -> None:
        self._stack = stack

    @property
    def faults(self) -> Mapping[str, Faults]:
        """The rules of SNS, SQS and the others."""
        return self._stack.aws.faults

    def describe(self) -> dict[str, Any]:
        """One address for all of AWS; what the template makes, by logical id."""
        stack = self._stack
        return {
            "aws": stack.aws.url,
            "addresses": {"AWS (SQS, SNS, EventBridge)": stack.aws.url},
            "schedules": {
                logical_id: {"name": schedule.name, "enabled": schedule.enabled}
                for logical_id, schedule in stack.schedules.items()
            },
            "outputs": {name: str(value) for name, value in stack.outputs.items()},
            "buses": [stack.template.resolver.name(bus) for bus in stack.template.of_type("AWS::Events::EventBus")],
        }

    def functions(self) -> dict[str, FunctionSeen]:
        """By logical id."""
        return {
            logical_id: FunctionSeen(function.spec.name, function.spec.timeout, function.busy, function.invocations)
            for logical_id, function in self._stack.functions.items()
        }

    def environment(self) -> dict[str, str]:
        """AWS's own variables. Nothing checks the key where the clouds are real, but aws asks for some."""
        return {
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_ENDPOINT_URL": self._stack.aws.url,
            "AWS_REGION": self._stack.region,
            "AWS_DEFAULT_REGION": self._stack.region,
        }

    def delayed(self) -> list[contents.Delayed]:
        """What is delayed on a queue, and what the scheduler keeps."""
        queues = {logical_id: queue.name for logical_id, queue in self._stack.queues().items()}
        return contents.delayed(self._stack.aws, queues)

    def failures(self) -> dict[str, list[str]]:
        """Of each mapping, and of each schedule."""
        stack = self._stack
        return {logical_id: mapping.failures[-_LAST:] for logical_id, mapping in stack.mappings.items()} | {
            logical_id: failures[-_LAST:] for logical_id, failures in stack.schedule_failures.items()
        }

    def missing(self) -> list[str]:
        """By kind and logical id."""
        return self._stack.missing()

    def down(self) -> Sequence[str]:
        """AWS's services."""
        return list(self._stack.aws.down)

    def takes_requests(self, function: str) -> bool:
        """By either of its names."""
        stack = self._stack
        names = [mapping.spec.function for mapping in stack.mappings.values() if mapping.spec.queue == stack.work_queue]
        return function in names or any(
            one.spec.name in names for logical_id, one in stack.functions.items() if logical_id == function
        )


class OnFunctionGraph:
    """The functions of FunctionGraph, their timers, and the services that they call."""

    def __init__(self, stack: "FunctionGraphStack") -> None:
        self._stack = stack

    @property
    def faults(self) -> Mapping[str, Faults]:
        """The rules of OBS, SMN, CSMS and the API."""
        return {service.name: service.faults for service in self._stack.services}

    def describe(self) -> dict[str, Any]:
        """An address for each service."""
        stack = self._stack
        return {
            "addresses": {service.name: service.url for service in stack.services},
            "schedules": {
                timer.name: {"name": timer.name, "enabled": timer.enabled} for timer in stack.timers.values()
            },
            "outputs": {"Bucket": stack.bucket.name, "Topic": stack.topic},
            "terraform": stack.outputs(),
            "buses": [],
        }

    def functions(self) -> dict[str, FunctionSeen]:
        """By name."""
        functions = self._stack.functions
        return {
            spec.name: FunctionSeen(
                spec.name, spec.timeout, functions.busy(spec.name), functions.invocations(spec.name)
            )
            for spec in functions.specs()
        }

    def environment(self) -> dict[str, str]:
        """A person's keys, by the names of Terraform's provider; the agency's are the functions' own."""
        user, endpoints = self._stack.user, [f"{service.name}={service.url}" for service in self._stack.services]
        return {
            "HW_ACCESS_KEY": user.access_key,
            "HW_SECRET_KEY": user.secret_key,
            "HW_ENDPOINTS": ",".join(endpoints),
        }

    def delayed(self) -> list[contents.Delayed]:
        """What is due later and was not begun."""
        now = self._stack.time.now()
        return [
            contents.Delayed(one.queue, one.id, one.body, one.due)
            for one in self._stack.waiting()
            if one.due > now and not one.receives
        ]

    def failures(self) -> dict[str, list[str]]:
        """What the destination for failures was sent, by function."""
        found: dict[str, list[str]] = {}
        for failure in self._stack.functions.failures:
            context, response = failure["request_context"], failure["response_context"]
            text = f"{response['function_error'] or 'discarded'}: {failure['response_payload'][:300]}"
            found.setdefault(context["function_urn"], []).append(text)
        return {function: failures[-_LAST:] for function, failures in found.items()}

    def missing(self) -> list[str]:
        """Nothing can be deleted here."""
        return []

    def down(self) -> Sequence[str]:
        """The services that answer every request with 503 as things are now."""
        return [name for name, faults in self.faults.items() if any(rule.is_outage for rule in faults)]

    def takes_requests(self, function: str) -> bool:
        """There is one."""
        from local.functiongraph.deployment import REMOVE  # noqa: PLC0415

        return function == REMOVE


def side_of(stack: "AnyStack") -> Side:
    """The host's side of a stack."""
    if stack.host == "functiongraph":
        return OnFunctionGraph(stack)
    return OnAws(stack)
