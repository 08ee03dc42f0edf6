"""Runs a handler in a process of its own and tells what each invocation cost. Both sides run under it.

    python driver.py FOLDER_OF_APP [LOG]

Orders come as JSON lines, answers leave as JSON lines; what the handler prints goes to the file LOG, else to /dev/null.
Needs no package.
"""

import gc
import importlib
import json
import os
import sys
import time
from typing import Any

LONG_MILLISECONDS = 600_000


class Context:
    """The part of Lambda's context that handlers look at."""

    function_name = "bench"
    function_version = "$LATEST"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:000000000000:function:bench"
    aws_request_id = "bench-request"

    def get_remaining_time_in_millis(self) -> int:
        """Time enough."""
        return LONG_MILLISECONDS


def batch(orders: dict[str, Any]) -> dict[str, Any]:
    """An SQS event: the `bodies`, or `messages` bodies of `per` resources each and the tags of `keys`."""
    prefix = orders["prefix"]
    return {"Records": [_record(f"m-{prefix}-{number}", body) for number, body in enumerate(bodies(orders))]}


def bodies(orders: dict[str, Any]) -> list[str]:
    """The messages of an order."""
    if orders.get("bodies"):
        return list(orders["bodies"])
    prefix, per = orders["prefix"], orders["per"]
    return [
        json.dumps(
            {
                "id": f"{prefix}-{number}",
                "provider": orders["provider"],
                **({"region": orders["region"]} if orders["region"] else {}),
                "resources": [
                    {
                        "type": orders["type"],
                        "ids": [f"{prefix}-{at}" for at in range(number * per, (number + 1) * per)],
                    }
                ],
                "tags": [{"key": key, "value": "prod"} for key in orders["keys"]],
            }
        )
        for number in range(orders["messages"])
    ]


def _record(id_: str, body: str) -> dict[str, Any]:
    return {
        "messageId": id_,
        "receiptHandle": "r",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:work",
        "awsRegion": "eu-west-1",
    }


def invoked(app: Any, orders: dict[str, Any]) -> dict[str, Any]:
    """One or more invocations of the handler, one after the other."""
    event = batch(orders)
    size = orders.get("batch") or len(event["Records"])
    events = [{"Records": event["Records"][start : start + size]} for start in range(0, len(event["Records"]), size)]
    gc.collect()
    failed = 0
    each = []
    began, cpu = time.monotonic(), time.process_time()
    for one in events:
        start = time.monotonic(), time.process_time()
        failed += len(app.handler(one, Context())["batchItemFailures"])
        each.append((time.monotonic() - start[0], time.process_time() - start[1]))
    return {
        "began": began,
        "wall": time.monotonic() - began,
        "cpu": time.process_time() - cpu,
        "failed": failed,
        "each": each,
    }


def main() -> None:
    """Answer orders until there are no more."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    log = sys.argv[2] if len(sys.argv) > 2 else os.devnull  # noqa: PLR2004
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 1)
    sys.path.insert(0, sys.argv[1])
    app = importlib.import_module("app")
    print("{}", file=answers)
    for line in sys.stdin:
        orders = json.loads(line)
        if orders["do"] == "invoke":
            answer = invoked(app, orders)
        else:
            sys.path.insert(0, os.path.dirname(__file__))  # noqa: PTH120 - the fewer modules the better
            answer = getattr(importlib.import_module("own"), orders["do"])(app, orders, invoked)
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
