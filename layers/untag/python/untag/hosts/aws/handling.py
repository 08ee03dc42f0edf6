"""The Lambda handler of a function: a batch of SQS records or a direct payload in, an answer out."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from untag.core import Timing
from untag.hosts.aws.host import Lambda
from untag.hosts.aws.records import handed_over, seconds_left, sqs_records
from untag.hosts.base import Function, Record
from untag.providers import Registry
from untag.runtime import Runtime

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


class Made(Protocol):
    """The class of a function's work."""

    continues: bool

    def __call__(self, runtime: Runtime) -> Function:
        """The work, once in a process."""


class LambdaFunction:
    """Gives a function's work what Lambda hands over, and answers as Lambda expects it."""

    def __init__(
        self,
        made: Made,
        environ: Mapping[str, str],
        *,
        timing: Timing | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        registry: Registry | None = None,
    ) -> None:
        """Read the environment; raises InvalidInputError that names the variable.

        `transport` and `registry` are for tests.
        """
        host = Lambda(environ, continues=made.continues, timing=timing, transport=transport)
        self.runtime = Runtime(host, registry)
        self._function = made(self.runtime)

    def __call__(self, event: Any, context: "LambdaContext") -> dict[str, Any]:
        """Answer an SQS batch with the records that have to come again, and what was handed over with its answer."""
        records = sqs_records(event)
        if records is not None:
            return self.batch(records, seconds_left(context))
        return self.payload(event, context.aws_request_id, seconds_left(context))

    def batch(self, records: list[Record], left: Callable[[], float]) -> dict[str, Any]:
        """Work at a batch; the answer names the records that have to come again. `left` gives the remaining seconds."""
        return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in self._function.batch(records, left)]}

    def payload(self, payload: Any, own_id: str, left: Callable[[], float]) -> dict[str, Any]:
        """Work at a payload, or at notifications of SNS; the answer. Raises InvocationError."""
        return self._function.payload(handed_over(payload, own_id), left)
