"""Work queue and payloads sent by hand -> provider calls -> reports, remainders, dead letters."""

import os
from typing import TYPE_CHECKING, Any

from untag.startup import without_collections

with without_collections():
    from untag.hosts.aws import LambdaFunction, logger
    from untag.removal import Remover

    remove_tags = LambdaFunction(Remover, os.environ)

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
def handler(event: Any, context: "LambdaContext") -> dict[str, Any]:
    """Answer an SQS batch with the records that have to come again, and a payload with its reports."""
    return remove_tags(event, context)
