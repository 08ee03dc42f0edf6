"""Work queue and payloads sent by hand -> provider calls -> reports, remainders, dead letters."""

import os
from typing import TYPE_CHECKING, Any

from untag.startup import without_collections

with without_collections():
    from untag.records import SqsRecord, seconds_left
    from untag.service import Remover
    from untag.telemetry import logger

    remover = Remover(os.environ)

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context
def handler(event: Any, context: "LambdaContext") -> dict[str, Any]:
    """Answer an SQS batch with the records that have to come again, and a payload with its reports."""
    records = SqsRecord.batch(event)
    if records is not None:
        return remover.batch(records, seconds_left(context))
    return remover.payload(event, context.aws_request_id, seconds_left(context))
