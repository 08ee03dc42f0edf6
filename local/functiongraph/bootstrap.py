"""What runs in an instance's process: loads the handler, and gives it event after event with FunctionGraph's context.

It is run as a script by the function's interpreter, and imports nothing but the standard library: arguments are the
descriptors of requests, answers and the shared clock, and lines of JSON go both ways. The first line says what to load.
The context's names are those of FunctionGraph's documents; Lambda's are not there.
"""
# ruff: noqa: N802 - the names are FunctionGraph's own

import importlib
import json
import logging
import mmap
import os
import struct
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

ANSWER_BYTES = 6 * 1024 * 1024
_OFFSET = struct.Struct("<d")
_MILLISECONDS = 1000


class Context:
    """What a handler is given beside the event."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self._facts = facts
        self._deadline = time.monotonic() + facts["timeout"]

    def getRequestID(self) -> str:
        """The id of the request; a repeated one has the same."""
        return str(self._facts["request_id"])

    def getRemainingTimeInMilliSeconds(self) -> int:
        """What is left until the instance is killed."""
        return max(0, int((self._deadline - time.monotonic()) * _MILLISECONDS))

    def getRunningTimeInSeconds(self) -> int:
        """The function's time-out."""
        return int(self._facts["timeout"])

    def getUserData(self, key: str, default: str = "") -> str:
        """A user variable."""
        return str(self._facts["user_data"].get(key, default))

    def getFunctionName(self) -> str:
        """The function's name."""
        return str(self._facts["function"])

    def getVersion(self) -> str:
        """The function's version."""
        return "latest"

    def getAlias(self) -> str:
        """The alias by which the function was called; none."""
        return ""

    def getMemorySize(self) -> int:
        """The memory in MB."""
        return int(self._facts["memory"])

    def getCPUNumber(self) -> int:
        """Thousandths of a processor: 200, and 100 for each 128 MB."""
        return 200 + 100 * (int(self._facts["memory"]) // 128)

    def getPackage(self) -> str:
        """The function's application."""
        return "default"

    def getProjectID(self) -> str:
        """The project that the function is in."""
        return str(self._facts["project"])

    def getLogger(self) -> logging.Logger:
        """A logger that writes time and request id before each line."""
        logger = logging.getLogger("functiongraph")
        if not logger.handlers:
            handler = logging.StreamHandler(sys.stdout)
            handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)
        return logger

    def getToken(self) -> str:
        """A token of the agency."""
        return str(self._facts["security_token"])

    def getSecurityAccessKey(self) -> str:
        """The agency's access key."""
        return str(self._facts["access_key"])

    def getSecuritySecretKey(self) -> str:
        """The agency's secret key."""
        return str(self._facts["secret_key"])

    def getSecurityToken(self) -> str:
        """The token that belongs to both."""
        return str(self._facts["security_token"])

    def getAccessKey(self) -> str:
        """Not maintained any more, and not to be used."""
        raise RuntimeError("getAccessKey is no longer maintained")

    def getSecretKey(self) -> str:
        """Not maintained any more, and not to be used."""
        raise RuntimeError("getSecretKey is no longer maintained")

    def getWorkflowID(self) -> str:
        """The function flow that the function runs in; none."""
        return ""

    def getWorkflowRunID(self) -> str:
        """Its run; none."""
        return ""

    def getWorkflowStateID(self) -> str:
        """Its state; none."""
        return ""


def _share_clock(descriptor: int) -> None:
    """Let `time.time` be the shared clock, before anything takes it for its own."""
    shared = mmap.mmap(descriptor, _OFFSET.size)
    os.close(descriptor)
    machine = time.time

    def now() -> float:
        offset: float = _OFFSET.unpack(shared[: _OFFSET.size])[0]
        return machine() + offset

    time.time = now


def _failure(error: BaseException) -> dict[str, Any]:
    """An error as the platform writes it."""
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": lines}


def _load(setup: Mapping[str, Any]) -> Callable[[Any, Context], Any]:
    """The handler, after the initializer. The runtime's own libraries come first, and one of them is imported."""
    sys.path[:0] = [setup["bundled"], setup["code"]]
    importlib.import_module("typing_extensions")
    module, _, name = setup["handler"].rpartition(".")
    handler: Callable[[Any, Context], Any] = getattr(importlib.import_module(module), name)
    if setup["initializer"]:
        module, _, name = setup["initializer"].rpartition(".")
        getattr(importlib.import_module(module), name)(Context(setup["context"]))
    return handler


def _answer(handler: Callable[[Any, Context], Any], request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        # The body is JSON in a text, parsed here as the platform does it.
        answer = handler(json.loads(request["body"]), Context(request["context"]))
        text = json.dumps(answer)
    except Exception as error:  # noqa: BLE001 - whatever a function raises becomes its answer
        return {"error": _failure(error)}
    if len(text) > ANSWER_BYTES:
        return {"error": {"errorMessage": "the response body is too large", "errorType": "ResponseTooLarge"}}
    return {"answer": text}


def _say(answers: BinaryIO, what: Mapping[str, Any]) -> None:
    sys.stdout.flush()
    answers.write(json.dumps(what).encode() + b"\n")
    answers.flush()


def main() -> None:
    """Serve until the requests end."""
    requests, answers, clock = map(int, sys.argv[1:4])
    _share_clock(clock)
    with os.fdopen(requests, "rb") as incoming, os.fdopen(answers, "wb") as outgoing:
        setup = json.loads(incoming.readline())
        try:
            handler = _load(setup)
        except Exception as error:  # noqa: BLE001 - whatever a module raises becomes the answer
            _say(outgoing, {"error": _failure(error)})
            return
        _say(outgoing, {"ready": True})
        for line in incoming:
            request = json.loads(line)
            id_ = request["context"]["request_id"]
            sys.stdout.write(f"Start invoke request '{id_}', version: latest\n")
            answer = _answer(handler, request)
            sys.stdout.write(f"Finish invoke request '{id_}'\n")
            _say(outgoing, answer)


if __name__ == "__main__":
    main()
