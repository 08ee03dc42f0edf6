"""The lines of the pages that act on a deployed stack, as they stand there, at a stack on moto's server; and the rights
that the page about stacks names.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from athena_support import Athena
from aws_support import REGION, DeployedOnMoto, moto_server
from cli_support import Done, request

from local import ROOT

PAGE = (ROOT / "docs" / "stacks.md").read_text(encoding="utf-8")
HOW_TO = ROOT / "docs" / "how-to"
OTHER_PAGES = [*HOW_TO.glob("*.md"), *(ROOT / name for name in ("README.md", "docs/command.md", "docs/requests.md"))]
_AT_A_STACK = re.compile(r"^ {4,}(untag .+ --stack .+)$", re.MULTILINE)
CSV = """provider,region,type,id,key,value
jdcloud,cn-north-1,vm,i-1,env,prod
jdcloud,cn-north-1,vm,i-2,env,*
"""
REPORT = {
    "kind": "removal",
    "report_id": "r",
    "id": "cleanup-2026-11-1",
    "batch": "cleanup-2026-11",
    "action": "remove",
    "provider": "jdcloud",
    "account": "default",
    "region": "cn-north-1",
    "complete": True,
    "attempt": 1,
    "dry_run": False,
    "request_counts": {"removed": 1},
    "outcomes": [
        {"type": "vm", "resource_id": "i-1", "key": "env", "value": "prod", "was": "prod", "outcome": "removed"}
    ],
    "page": {"number": 1, "of": 1},
    "started_at": "2026-11-26T10:00:00.000Z",
    "finished_at": "2026-11-26T10:00:01.000Z",
}


@pytest.fixture
def stack(untag: Any, tmp_path: Path) -> Iterator[DeployedOnMoto]:
    folder = tmp_path / "bucket"
    (folder / "reports").mkdir(parents=True)
    (folder / "reports" / "reports.jsonl").write_text(json.dumps(REPORT) + "\n")
    server = moto_server()
    url = next(server)
    httpx.post(f"{url}/moto-api/reset", trust_env=False).raise_for_status()  # its services outlive it
    with Athena(folder) as athena:
        ledger = {"LedgerBucket": "ledger-of-the-page", "LedgerWorkGroup": "group", "LedgerDatabase": "database"}
        outputs = {**ledger, "ScheduleGroupName": "untag-kept"}
        made = DeployedOnMoto(url, "untag", parameters={"ReadFirst": "on"}, outputs=outputs)
        where = {"LocationConstraint": REGION}
        made.client("s3").create_bucket(Bucket="ledger-of-the-page", CreateBucketConfiguration=where)
        scheduler = made.client("scheduler")
        scheduler.create_schedule_group(Name="untag-kept")
        arn = "arn:aws:sqs:us-west-2:123456789012:untag-work"
        scheduler.create_schedule(
            Name="one",
            GroupName="untag-kept",
            ScheduleExpression="at(2030-12-01T00:00:00)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={
                "Arn": arn,
                "RoleArn": "arn:aws:iam::123456789012:role/r",
                "Input": json.dumps(request(["i-3"], id="cleanup-december")),
            },
        )
        for number in range(3):
            made.put("DeadLetterQueue", json.dumps(request([f"i-{number}"])), code="no_credentials")
        untag.environ |= {**made.environ, "AWS_ENDPOINT_URL_ATHENA": athena.url}
        yield made
    next(server, None)


def answered(untag: Any, line: str) -> Done:
    """What a line prints when the number that it asks for is given."""
    words = line.split()[1:]
    done = untag(*words)
    if asked := re.search(r"if that is right: (--yes --expect \d+)", done.err):
        done = untag(*words, *asked[1].split())
    return done


def test_every_line_of_the_page_works_as_it_stands(untag: Any, stack: DeployedOnMoto) -> None:
    untag.write("cleanup.csv", CSV)
    lines = re.findall(r"^    (untag .+)$", PAGE, re.MULTILINE)
    for line in lines:
        if "--follow" in line:  # nothing reads this stack's queues: test_stack_local.py has one that does
            continue
        done = answered(untag, line)
        assert done.code == 0, f"{line}: {done.out}{done.err}"
    commands = {line.split()[1] for line in lines}
    assert commands == {"send", "status", "undo", "dead-letters", "redrive", "scheduled"}
    assert {"failed.csv", "dead-letters.csv"} <= {path.name for path in untag.folder.iterdir()}
    # What was sent, what undoes it, and three dead letters that went back.
    assert len(stack.messages("WorkQueue")) == 2 + 1 + 3
    assert stack.messages("DeadLetterQueue") == []
    assert "nothing is kept" in untag("scheduled", "--stack", "untag").out


@pytest.mark.parametrize(
    ("name", "commands"), [("undo.md", ["undo", "undo"]), ("redrive.md", ["dead-letters", "redrive"])]
)
def test_every_line_at_a_stack_on_a_how_to_works_as_it_stands(
    untag: Any, stack: DeployedOnMoto, name: str, commands: list[str]
) -> None:
    untag.write("report.json", json.dumps(REPORT))
    lines = _AT_A_STACK.findall((HOW_TO / name).read_text(encoding="utf-8"))
    assert [line.split()[1] for line in lines] == commands
    for line in lines:
        done = answered(untag, line)
        assert done.code == 0, f"{line}: {done.out}{done.err}"
    assert len(stack.messages("WorkQueue")) == {"undo.md": 2, "redrive.md": 3}[name]


def test_every_line_at_a_stack_is_on_a_page_that_is_tried_here() -> None:
    assert {page.name for page in OTHER_PAGES if _AT_A_STACK.search(page.read_text(encoding="utf-8"))} == {
        "undo.md",
        "redrive.md",
    }


def test_the_policy_allows_every_call_that_is_made_and_no_other() -> None:
    (text,) = re.findall(r"^`policy.json`:\n\n```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    actions: set[str] = set()
    for statement in json.loads(text)["Statement"]:
        actions |= {statement["Action"]} if isinstance(statement["Action"], str) else set(statement["Action"])
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "cli" / "deployed").rglob("*.py"))
    called = re.findall(r'aws\.(?:json|query)\(\s*"(\w+)",\s+(?:_\w+, )?"(\w+)"', source)
    called += [("sns", operation) for operation in re.findall(r'aws\.sns\(\s*"(\w+)"', source)]
    # The batches of a call need the right to the call itself. Messages are sent by the package's own sender, too.
    made = {f"{service}:{operation.removesuffix('Batch')}" for service, operation in called} | {"sqs:SendMessage"}
    services = ("sqs:", "sns:", "athena:", "cloudformation:")
    assert {action for action in actions if action.startswith(services)} == made
