"""Events that say a resource is gone -> removal requests on the work queue, or a notice that says why not."""

import os
from typing import TYPE_CHECKING, Any

from untag.startup import without_collections

with without_collections():
    from untag.decommission.service import Decommissioner
    from untag.hosts.aws import LambdaFunction, logger

    decommission = LambdaFunction(Decommissioner, os.environ)

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
def handler(event: Any, context: "LambdaContext") -> dict[str, Any]:
    """Answer an SQS batch with the records that have to come again, and an event by hand with what it led to."""
    return decommission(event, context)
