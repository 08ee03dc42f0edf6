"""Every command and every example of the pages: run, or checked against what it speaks to. One that is of no known kind
fails, so that no page can show what nobody has tried.
"""

import json
import os
import re
import subprocess
import sys
from typing import Any

import botocore.loaders
import botocore.model
import pytest
from botocore import xform_name
from docs_support import ROOT, Validator, problems
from pages import Command, commands, examples
from typer.main import get_command

from cli.commands import app as untag
from cli.commands.local_files import app
from untag.hosts.functiongraph.settings import QUEUES
from untag.providers import NAMES, apis_of

LOCAL = re.compile(r"(\.venv/bin/)?untag local( |$)")
TOOL = re.compile(r"(\.venv/bin/)?python -m ((tools|bench)[a-z_.]*)( |$)")
PYTEST = re.compile(r"\.venv/bin/python -m pytest( |$)")
FILTERS = ("jq", "head", "tee", "less", "sort")
ONLINE = ("pipx",)
"""What needs a network that tests have not."""
OF_THE_READER = {"request.json", "report.json", "undo.json", "key.json", "answer.json"}
"""Files that a page has its reader write."""
OF_A_PAGE = {"events/skycloud_manual.json", "tests/contract/test_skycloud.py"}
"""Files that a page tells to write, and another test does."""
OF_THE_ACCOUNT = {"TOPIC_ARN"}
"""Names that a reader finds with AWS and no output tells."""

SAM_VERSION = "1.170.0"
SAM_COMMON = {"config-env", "config-file", "debug", "profile", "region", "save-params", "template", "template-file"}
SAM_OPTIONS = {
    "build": {"cached", "parallel", "build-dir", "use-container", "parameter-overrides"},
    "validate": {"lint"},
    "deploy": {"guided", "stack-name", "capabilities", "parameter-overrides", "resolve-s3", "s3-bucket", "s3-prefix"}
    | {"no-confirm-changeset", "confirm-changeset", "no-fail-on-empty-changeset", "role-arn", "tags", "on-failure"}
    | {"disable-rollback", "no-execute-changeset", "notification-arns"},
    "remote invoke": {"stack-name", "event", "event-file", "output", "parameter"},
    "local invoke": {"event", "env-vars", "parameter-overrides", "skip-pull-image"},
    "delete": {"stack-name", "no-prompts"},
    "logs": {"stack-name", "name", "tail", "filter", "start-time", "end-time"},
    "package": {"s3-bucket", "s3-prefix", "output-template-file", "resolve-s3"},
    "publish": {"semantic-version"},
}
"""What sam takes, as its `--help` of that version says."""
RENAMED = {("sns", "subscribe", "notification-endpoint"): "endpoint"}
"""Parameters that the command line calls by another name (awscli's argrename)."""
AWS_COMMON = {
    "region",
    "profile",
    "output",
    "query",
    "endpoint-url",
    "no-cli-pager",
    "cli-binary-format",
    "no-paginate",
}

FOUND = list(commands())
MODELS = botocore.loaders.Loader()


def kind(command: Command) -> str:
    """What kind of command it is; "unknown" fails."""
    line, first = " ".join(command.words), command.words[0]
    for name, pattern in (("local", LOCAL), ("tool", TOOL), ("pytest", PYTEST)):
        if pattern.match(line):
            return name
    if first in ("make", "aws", "sam", "terraform", "untag"):
        return first
    by_word = {**dict.fromkeys(FILTERS, "filter"), **dict.fromkeys(ONLINE, "online"), "eval": "shell"}
    if first in by_word:
        return by_word[first]
    return "script" if (ROOT / first).is_file() and os.access(ROOT / first, os.X_OK) else "unknown"


def of_kind(name: str) -> Any:
    found = [command for command in FOUND if kind(command) == name]
    return pytest.mark.parametrize("command", found, ids=lambda command: f"{command.place} {command.text[:60]}")


def test_there_are_commands_and_each_is_of_a_known_kind() -> None:
    assert len(FOUND) > 30
    unknown = [f"{command.place}: {command.text}" for command in FOUND if kind(command) == "unknown"]
    assert not unknown, "say in tests/docs/test_commands.py how it is tried, or take it off the page"


@of_kind("make")
def test_a_target_of_make_is_there(command: Command) -> None:
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for word in command.words[1:]:
        assert "=" in word or word in targets


@of_kind("tool")
def test_a_tool_is_there_and_knows_its_options(command: Command) -> None:
    at = command.words.index("-m") + 1
    path = ROOT / command.words[at].replace(".", "/")
    assert path.with_suffix(".py").exists() or (path / "__main__.py").exists()
    options = [word for word in command.words[at + 1 :] if word.startswith("--")]
    if options:
        environ = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'layers/untag/python'}"}
        run = [sys.executable, "-m", command.words[at], "--help"]
        told = subprocess.run(run, cwd=ROOT, env=environ, capture_output=True, text=True, check=True).stdout
        assert all(option in told for option in options)


@of_kind("terraform")
def test_terraform_is_given_a_folder_of_templates_and_what_it_takes(command: Command) -> None:
    folder, task, *options = command.words[1:]
    assert list((ROOT / folder.removeprefix("-chdir=")).glob("*.tf"))
    assert task in {"init", "plan", "apply", "output", "destroy"}
    variables = re.findall(
        r'^variable "(\w+)"', (ROOT / "deploy/functiongraph/variables.tf").read_text("utf-8"), re.MULTILINE
    )
    taken = ("-var-file=", *(f"-var={name}=" for name in variables))
    assert all(option.startswith(taken) or (task, option) == ("output", "-json") for option in options)


@of_kind("pytest")
def test_what_pytest_is_to_run_is_there(command: Command) -> None:
    words = list(command.words[command.words.index("pytest") + 1 :])
    if "-k" in words:  # what follows names no file
        del words[words.index("-k") + 1]
    for word in words:
        assert word.startswith("-") or word in OF_A_PAGE or (ROOT / word.partition("::")[0]).exists()


# aws and sam.


def operation(service: str, name: str) -> botocore.model.OperationModel:
    """An operation as the command line writes it."""
    model = botocore.model.ServiceModel(MODELS.load_service_model(service, "service-2"))
    (found,) = [one for one in model.operation_names if xform_name(one, "-") == name]
    return model.operation_model(found)


def options_of(words: tuple[str, ...]) -> tuple[dict[str, list[str]], list[str]]:
    """Options with their values, and what stands by itself before them."""
    options: dict[str, list[str]] = {}
    alone: list[str] = []
    current = alone
    for word in words:
        if word.startswith("--"):
            name, equals, value = word.removeprefix("--").partition("=")
            current = options.setdefault(name, [value] if equals else [])
        else:
            current.append(word)
    return options, alone


def outputs() -> set[str]:
    """The stack's outputs, as names of a shell's variables."""
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    section = text.partition("\nOutputs:\n")[2]
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper() for name in re.findall(r"^  (\w+):$", section, re.MULTILINE)}


def check_values(values: list[str]) -> None:
    """Files are there, or the reader's own; variables are outputs of the stack."""
    for value in values:
        if value.startswith(("file://", "fileb://")):
            path = value.partition("://")[2]
            assert path in OF_THE_READER or (ROOT / path).exists(), path
        for name in re.findall(r"\$\{?([A-Z_]+)\}?", value):
            assert name in outputs() | OF_THE_ACCOUNT, f"${name} is no output of the stack"


@of_kind("aws")
def test_a_command_of_aws_is_one_that_the_service_takes(command: Command) -> None:
    service, name, *rest = command.words[1:]
    model = operation(service, name)
    options, _ = options_of(tuple(rest))
    options = {RENAMED.get((service, name, option), option): values for option, values in options.items()}
    shape = model.input_shape
    assert shape is not None
    members = {xform_name(member, "-"): found for member, found in shape.members.items()}
    given = options.keys() - AWS_COMMON
    for option in given:
        negated = option.removeprefix("no-") in members and option.startswith("no-")
        assert option in members or negated, f"{service} {name} takes no --{option}"
    missing = {xform_name(member, "-") for member in shape.required_members} - given
    assert not missing, f"{service} {name} needs {missing}"
    for option in given:
        values = options[option]
        check_values(values)
        allowed = getattr(members.get(option), "enum", None)
        assert not allowed or values[0].startswith("$") or set(values) <= set(allowed)


@of_kind("sam")
def test_a_command_of_sam_is_one_that_sam_takes(command: Command) -> None:
    words = command.words[1:]
    name = " ".join(words[:2]) if words[0] in ("remote", "local") else words[0]
    options, alone = options_of(words[len(name.split()) :])
    unknown = options.keys() - SAM_COMMON - SAM_OPTIONS[name]
    assert not unknown, f"sam {name} takes no {unknown}"
    for option in ("event", "event-file", "env-vars"):
        for path in options.get(option, ()):
            assert (ROOT / path).exists()
    for resource in alone:  # a function, by its logical id
        assert re.search(rf"^  {resource}:$", (ROOT / "template.yaml").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_options_of_sam_are_those_of_the_version_that_is_pinned() -> None:
    assert f"aws-sam-cli=={SAM_VERSION}" in (ROOT / "requirements" / "sam.txt").read_text(encoding="utf-8")


# The local stack.


@of_kind("local")
def test_a_command_of_the_local_stack_is_one_that_it_takes(command: Command) -> None:
    words = command.words[command.words.index("local") + 1 :]
    if not words:
        return
    group = get_command(app)
    name, found, rest = group.resolve_command(
        group.make_context("local", list(words), resilient_parsing=True), list(words)
    )
    assert found, name
    if rest:  # in running text a command may stand by its name alone
        found.make_context(name, list(rest), resilient_parsing=False)


# The command.


@of_kind("untag")
def test_a_command_of_untag_is_one_that_it_takes(command: Command) -> None:
    words = list(command.words[1:])
    if words[0].startswith("--"):
        assert words[0] in ("--install-completion", "--help")
        return
    group = get_command(untag)
    name, found, rest = group.resolve_command(group.make_context("untag", words, resilient_parsing=True), words)
    assert found, name
    found.make_context(name, list(rest), resilient_parsing=False)


# Examples.


def schema_of(example: Any) -> str | None:
    """The schema that an example should keep to."""
    one = example[0] if isinstance(example, list) else example
    if not isinstance(one, dict):
        return None
    if "match" in one:
        return "sweep"
    if "detail-type" in one:
        return "removal-event" if one["detail-type"] == "Tag Removal Requested" else "decommission-event"
    if "kind" in one:
        kinds = {"removal": "removal-report", "decommission": "decommission-notice", "sweep": "sweep-notice"}
        return kinds.get(one["kind"]) if isinstance(one["kind"], str) else None
    return "removal-message" if "resources" in one else None


def other_shape(example: Any) -> bool:
    """Whether an example is of some other known shape: a policy, a secret, a filter of a subscription, a redrive."""
    if isinstance(example, list):
        return bool(example) and all({"Sid", "Effect", "Action", "Resource"} <= set(one) for one in example)
    if not isinstance(example, dict) or not example:
        return False
    if "redrive" in example:
        return set(example) == {"untag", "redrive"} and example["redrive"] in QUEUES
    if "access_key" in example:
        models = [api.credentials for name in NAMES for api in apis_of(name)]
        return any(set(example) <= model.model_fields.keys() for model in models)
    # A filter of attributes or, with MessageBody as its scope, of what stands in a report.
    report = json.loads((ROOT / "docs" / "schemas" / "removal-report.json").read_text(encoding="utf-8"))
    subscribed = set(report["properties"])
    return set(example) <= subscribed and all(isinstance(value, list | dict) for value in example.values())


@pytest.mark.parametrize(("block", "example"), [pytest.param(*found, id=found[0].place) for found in examples()])
def test_an_example_is_what_its_schema_says(block: Any, example: Any) -> None:
    assert example is not None, f"{block.place}: is no JSON"
    name = schema_of(example)
    if name is None:
        assert other_shape(example), f"{block.place}: say in tests/docs/test_commands.py what it is an example of"
    else:
        # Rules are shown as the parameter SweepRules takes them.
        assert problems(name, {"rules": example} if name == "sweep" else example) == []


def test_an_example_that_is_wrong_would_be_found() -> None:
    assert problems("removal-message", {"provider": "jdcloud", "resources": [], "tags": []})
    assert not Validator({"pattern": "^a$"}).is_valid("a\n")
    assert kind(Command("page:1", "rm -rf x", ("rm", "-rf", "x"))) == "unknown"
    with pytest.raises(AssertionError, match="takes no --queue"):
        test_a_command_of_aws_is_one_that_the_service_takes(
            Command("page:1", "", ("aws", "sqs", "send-message", "--queue", "q", "--message-body", "b"))
        )
    assert {"WORK_QUEUE_URL", "DEAD_LETTER_QUEUE_ARN"} <= outputs()
