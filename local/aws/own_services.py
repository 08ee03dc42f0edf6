"""CloudFormation and Lambda as far as the documented `aws` commands need them, answered out of the local stack.

CloudFormation  DescribeStacks (the Query protocol, answers are XML)
Lambda          ListEventSourceMappings, UpdateEventSourceMapping, and Invoke where the clouds are local (REST, JSON)

Paths, names and error codes are the API references' (cloudformation 2010-05-15, lambda 2015-03-31).
"""

import json
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, unquote
from xml.sax.saxutils import escape

from local.errors import LocalError
from local.template.resolve import ACCOUNT

if TYPE_CHECKING:
    from local.aws.mappings import EventSourceMapping
    from local.functions.runtime import Answer

_STARTED = "2026-01-01T00:00:00Z"
"""When the stack says it was created: nothing depends on it."""
_MAPPING = re.compile(r"/2015-03-31/event-source-mappings/?([^/]*)")
_INVOCATION = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")


class Call(NamedTuple):
    """A request to a service."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class Reply(NamedTuple):
    """An answer of a service."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


Service = Callable[[Call], Reply]


class CloudFormation:
    """Knows the one stack, by its name, and its outputs."""

    def __init__(self, name: str, region: str, outputs: Mapping[str, Any]) -> None:
        self._name = name
        self._id = f"arn:aws:cloudformation:{region}:{ACCOUNT}:stack/{name}/{uuid.uuid5(uuid.NAMESPACE_URL, name)}"
        self._outputs = outputs

    def __call__(self, call: Call) -> Reply:
        """DescribeStacks, of this stack by name or id, or of all."""
        form = dict(call.query) | dict(parse_qsl(call.body.decode("utf-8", "replace")))
        if form.get("Action") != "DescribeStacks":
            return _xml_error("InvalidAction", f"{form.get('Action', '')} is not answered on the local stack")
        if form.get("StackName", self._name) not in (self._name, self._id):
            return _xml_error("ValidationError", f"Stack with id {form['StackName']} does not exist")
        outputs = "".join(
            f"<member><OutputKey>{escape(name)}</OutputKey><OutputValue>{escape(str(value))}</OutputValue></member>"
            for name, value in self._outputs.items()
        )
        stack = (
            f"<StackId>{escape(self._id)}</StackId><StackName>{escape(self._name)}</StackName>"
            f"<CreationTime>{_STARTED}</CreationTime><StackStatus>CREATE_COMPLETE</StackStatus>"
            f"<Outputs>{outputs}</Outputs>"
        )
        return _xml(200, "DescribeStacks", f"<Stacks><member>{stack}</member></Stacks>")


class Lambda:
    """Knows the mappings by their ids, and runs functions where `invoke` is given."""

    def __init__(
        self,
        mappings: Mapping[str, "EventSourceMapping"],
        region: str,
        invoke: "Callable[[str, bytes], Answer] | None" = None,
    ) -> None:
        self._mappings = {str(uuid.uuid5(uuid.NAMESPACE_URL, name)): mapping for name, mapping in mappings.items()}
        self._region = region
        self._invoke = invoke

    def __call__(self, call: Call) -> Reply:
        """One of the operations that are answered here; any other is a 404."""
        if (found := _MAPPING.fullmatch(call.path)) is not None:
            return self._of_mappings(call, found[1])
        found = _INVOCATION.fullmatch(call.path)
        if found is not None and call.method == "POST" and self._invoke is not None:
            return self._invoked(call, unquote(found[1]), self._invoke)
        return _json(404, {"Type": "User", "Message": f"{call.method} {call.path} is not answered on the local stack"})

    def _of_mappings(self, call: Call, id_: str) -> Reply:
        if call.method == "GET" and not id_:
            source, function = call.query.get("EventSourceArn", ""), call.query.get("FunctionName", "")
            rows = [self._row(one) for one in self._mappings]
            wanted = [
                row
                for row in rows
                if source in ("", row["EventSourceArn"]) and row["FunctionArn"].endswith(function.rpartition(":")[2])
            ]
            return _json(200, {"EventSourceMappings": wanted})
        if id_ not in self._mappings:
            return _json(404, {"Type": "User", "Message": "The resource you requested does not exist."})
        if call.method == "PUT":
            enabled = json.loads(call.body or b"{}").get("Enabled")
            if isinstance(enabled, bool):
                self._mappings[id_].switch(on=enabled)
        return _json(202 if call.method == "PUT" else 200, self._row(id_))

    def _row(self, id_: str) -> dict[str, Any]:
        mapping = self._mappings[id_]
        return {
            "UUID": id_,
            "EventSourceArn": f"arn:aws:sqs:{self._region}:{ACCOUNT}:{mapping.spec.queue}",
            "FunctionArn": f"arn:aws:lambda:{self._region}:{ACCOUNT}:function:{mapping.spec.function}",
            "BatchSize": mapping.spec.batch_size,
            "State": "Enabled" if mapping.enabled else "Disabled",
        }

    def _invoked(self, call: Call, function: str, invoke: "Callable[[str, bytes], Answer]") -> Reply:
        payload = call.body or b"null"
        if call.headers.get("X-Amz-Invocation-Type") == "Event":
            threading.Thread(target=invoke, args=(function, payload), daemon=True).start()
            return Reply(202, "application/json", b"")
        try:
            answer = invoke(function, payload)
        except LocalError as error:
            return _json(404, {"Type": "User", "Message": str(error)}, (("X-Amzn-ErrorType", _NOT_FOUND),))
        failed = (("X-Amz-Function-Error", "Unhandled"),) if answer.error else ()
        return Reply(200, "application/json", answer.payload, (("X-Amz-Executed-Version", "$LATEST"), *failed))


_NOT_FOUND = "ResourceNotFoundException"


def _json(status: int, document: Mapping[str, Any], headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    error = (("X-Amzn-ErrorType", _NOT_FOUND),) if status >= 400 and not headers else ()  # noqa: PLR2004 - of errors
    return Reply(status, "application/json", json.dumps(document).encode(), (*headers, *error))


def _xml(status: int, operation: str, result: str) -> Reply:
    body = (
        f'<{operation}Response xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><{operation}Result>{result}'
        f"</{operation}Result><ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
        f"</{operation}Response>"
    )
    return Reply(status, "text/xml", body.encode("utf-8", "replace"))


def _xml_error(code: str, message: str) -> Reply:
    body = (
        '<ErrorResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>{escape(message)}</Message></Error><RequestId>{uuid.uuid4()}</RequestId>"
        "</ErrorResponse>"
    )
    return Reply(400, "text/xml", body.encode("utf-8", "replace"))
