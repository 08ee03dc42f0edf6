"""What Lambda hands to a function: its context, and the records of a queue."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from bookkeeping import Json
from virtual_time import Clock

FUNCTIONS = Path(__file__).parents[2] / "functions"
SECONDS = 120.0


def app(function: str) -> ModuleType:
    """The module of a function's handler, as a process imports it."""
    spec = importlib.util.spec_from_file_location(f"{function}_app", FUNCTIONS / function / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def context(function: str, clock: Clock) -> Any:
    """The context of an invocation that has `SECONDS` from now on."""
    left = clock.left(SECONDS)
    return SimpleNamespace(
        function_name=function,
        memory_limit_in_mb=512,
        invoked_function_arn=f"arn:aws:lambda:eu-west-1:123456789012:function:{function}",
        aws_request_id="req-1",
        get_remaining_time_in_millis=lambda: int(left() * 1000),
    )


def sqs_records(*bodies: Any, queue: str = "work") -> list[Json]:
    """Records of a queue, in a bare array as EventBridge Pipes hands them over."""
    return [
        {
            "messageId": f"m-{number}",
            "receiptHandle": f"receipt-{number}",
            "body": body if isinstance(body, str) else json.dumps(body),
            "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:eu-west-1:123456789012:{queue}",
            "awsRegion": "eu-west-1",
        }
        for number, body in enumerate(bodies, 1)
    ]


def sqs_event(*bodies: Any, queue: str = "work") -> Json:
    """Such records as an event source mapping hands them over."""
    return {"Records": sqs_records(*bodies, queue=queue)}
