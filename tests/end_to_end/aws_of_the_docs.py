"""The command `aws`, as far as the docs use the real one: `aws SERVICE OPERATION --option value`, JSON or text options,
`file://`, `--query` and `--output text`.

Options become parameters of the service's API by botocore's own model, so that an option that does not exist is an
error. A call that AWS_ANSWERS has an answer to is written into AWS_CALLED, and not made.
"""

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import boto3
import jmespath
from botocore import xform_name


def main(service: str, operation: str, *words: str) -> None:
    options, flags = _options(list(words))
    query, output = options.pop("query", [""])[0], options.pop("output", ["json"])[0]
    client = boto3.client(service)  # type: ignore[call-overload]
    method = operation.replace("-", "_")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape
    members = {xform_name(member, "-"): (member, inner.type_name) for member, inner in shape.members.items()}
    if "endpoint" in members:  # the command has another name for SNS's
        members["notification-endpoint"] = members["endpoint"]
    unknown = {*options, *flags} - members.keys()
    assert not unknown, (unknown, members.keys())
    answers = json.loads(os.environ["AWS_ANSWERS"])
    if (asked := f"{service} {operation}") in answers:
        with Path(os.environ["AWS_CALLED"]).open("a") as called:
            called.write(json.dumps([service, operation, options, flags]) + "\n")
        answer = answers[asked]
    else:
        given = {members[name][0]: _value(values, members[name][1]) for name, values in options.items()}
        given |= {members[name][0]: value for name, value in flags.items()}
        answer = getattr(client, method)(**given)
        answer.pop("ResponseMetadata", None)
    _show(jmespath.search(query, answer) if query else answer, output)


def _options(words: list[str]) -> tuple[dict[str, list[str]], dict[str, bool]]:
    options: dict[str, list[str]] = {}
    flags: dict[str, bool] = {}
    while words:
        name = words.pop(0)
        assert name.startswith("--"), name
        values = []
        while words and not words[0].startswith("--"):
            values.append(words.pop(0))
        if values:
            options[name[2:]] = values
        else:
            flags[name[2:].removeprefix("no-")] = not name.startswith("--no-")
    return options, flags


def _value(values: list[str], kind: str) -> Any:
    if kind == "list":
        return values
    text = values[0]
    if text.startswith("file://"):
        text = Path(text.removeprefix("file://")).read_text()
    return {"integer": int, "map": json.loads}.get(kind, str)(text)


def _show(found: Any, output: str) -> None:
    if output == "text":
        rows = found if isinstance(found, list) else [found]
        print("\n".join("\t".join(map(str, row)) if isinstance(row, list) else str(row) for row in rows))  # noqa: T201 - it is a command
    elif found:
        print(json.dumps(found, indent=4, default=str))  # noqa: T201 - it is a command


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(*sys.argv[1:])
