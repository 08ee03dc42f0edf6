"""Schedules and continuations -> listings -> removal requests on the work queue, and a notice at the sweep's end."""

import os
from typing import TYPE_CHECKING, Any

from untag.startup import without_collections

with without_collections():
    from untag.hosts.aws import LambdaFunction, logger
    from untag.sweep.service import Sweeper

    sweep = LambdaFunction(Sweeper, os.environ)

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
def handler(event: Any, context: "LambdaContext") -> dict[str, Any]:
    """Answer an SQS batch with the records that have to come again, and a bare payload with its summary."""
    return sweep(event, context)
