"""The commands and policies of the docs, and an `aws` for them that speaks to a local stack.

The command understands what the docs use of the real one: `aws SERVICE OPERATION --option value`, JSON or text
options, `file://`, `--query` and `--output text`. Options become parameters of the service's API by botocore's own
model, so that an option that does not exist is an error.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from local.stack import Stack

DOCS = Path(__file__).parents[2] / "docs"

_BLOCK = re.compile(r"<!-- (\w+): ([\w -]+?) -->\n```\w+\n(.*?)```", re.DOTALL)

AWS = f"""#!{sys.executable}
import json, os, sys, warnings
warnings.simplefilter("ignore")
import boto3, jmespath
from botocore import xform_name

service, operation, *rest = sys.argv[1:]
options, flags = {{}}, {{}}
while rest:
    name = rest.pop(0)
    assert name.startswith("--"), name
    if rest and not rest[0].startswith("--"):
        values = [rest.pop(0)]
        while rest and not rest[0].startswith("--"):
            values.append(rest.pop(0))
        options[name[2:]] = values
    else:
        flags[name[2:].removeprefix("no-")] = not name.startswith("--no-")
query, output = options.pop("query", [None])[0], options.pop("output", ["json"])[0]
client = boto3.client(service)
method = operation.replace("-", "_")
answers = json.loads(os.environ["AWS_ANSWERS"])
if f"{{service}} {{operation}}" in answers:
    with open(os.environ["AWS_CALLED"], "a") as called:
        called.write(json.dumps([service, operation, options, flags]) + "\\n")
    answer = answers[f"{{service}} {{operation}}"]
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape
    known = {{xform_name(member, "-") for member in shape.members}}
    assert set(options) | set(flags) <= known, (set(options) | set(flags), known)
else:
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape
    names = {{xform_name(member, "-"): (member, member_shape) for member, member_shape in shape.members.items()}}
    names["notification-endpoint"] = names.get("endpoint")
    given = {{}}
    for name, values in options.items():
        member, member_shape = names[name]
        kind = member_shape.type_name
        text = values[0]
        if text.startswith("file://"):
            with open(text[7:]) as source:
                text = source.read()
        given[member] = {{
            "list": lambda: values, "integer": lambda: int(text), "map": lambda: json.loads(text)
        }}.get(kind, lambda: text)()
    for name, value in flags.items():
        given[names[name][0]] = value
    answer = getattr(client, method)(**given)
    answer.pop("ResponseMetadata", None)
found = jmespath.search(query, answer) if query else answer
if output == "text":
    rows = found if isinstance(found, list) else [found]
    print("\\n".join("\\t".join(map(str, row)) if isinstance(row, list) else str(row) for row in rows))
elif found:
    print(json.dumps(found, indent=4, default=str))
"""


def blocks(page: str, kind: str) -> dict[str, str]:
    """The marked blocks of a page, by name."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return {name: block for found, name, block in _BLOCK.findall(text) if found == kind}


class Shell:
    """A bash in which `aws` is the stack's."""

    def __init__(self, stack: Stack, folder: Path, answers: dict[str, Any] | None = None) -> None:
        command = folder / "aws"
        command.write_text(AWS, encoding="utf-8")
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
        self.folder = folder
        self._called = folder / "called.jsonl"
        self._environment = {
            **os.environ,
            "PATH": f"{folder}:{os.environ['PATH']}",
            # What the local services do not have; what was asked is written down.
            "AWS_ANSWERS": json.dumps(answers or {}),
            "AWS_CALLED": str(self._called),
            "AWS_ENDPOINT_URL": stack.aws.url,
            "AWS_REGION": stack.region,
            "AWS_DEFAULT_REGION": stack.region,
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
        }

    def run(self, text: str) -> str:
        """What a script prints; an AssertionError with what it complained of if it fails."""
        command = ["bash", "-u", "-o", "pipefail", "-c", text]
        done = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr or done.stdout
        return done.stdout

    def called(self) -> list[Any]:
        """The calls that the local services do not have."""
        return [json.loads(line) for line in self._called.read_text().splitlines()]
