"""The Terraform of FunctionGraph, against what tools/terraform_schema.py recorded of its provider, and the code.

A provider cannot be downloaded here. So this shows that names are right and that what is required is there. It does not
show that a value is one that the cloud takes.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2
import pytest

from cli.deployed.functiongraph.calls import READ_OUTPUTS
from local.errors import LocalError
from local.functiongraph.deployment import (
    DUE_TIMER,
    EACH_NIGHT,
    EVENTS_TOPIC,
    FUNCTIONS,
    REQUESTS_TOPIC,
    SWEEP_TIMER,
    TOPIC,
)
from local.functiongraph.sweeps import VARIABLES, sweep_timer

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "deploy" / "functiongraph"
INDEX = TEMPLATES / "code" / "index.py"
SCHEMA = json.loads((ROOT / "tests" / "vectors" / "huaweicloud_terraform.json").read_text(encoding="utf-8"))
META = {"for_each", "count", "depends_on", "lifecycle", "provider", "dynamic"}


def parsed() -> Iterator[dict[str, Any]]:
    for path in sorted(TEMPLATES.glob("*.tf")):
        yield hcl2.loads(path.read_text(encoding="utf-8"))


def resources() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (kind.strip('"'), name.strip('"'), body)
        for document in parsed()
        for resource in document.get("resource", [])
        for kind, named in resource.items()
        for name, body in named.items()
    ]


def named(section: str) -> dict[str, dict[str, Any]]:
    return {
        name.strip('"'): body
        for document in parsed()
        for one in document.get(section, [])
        for name, body in one.items()
    }


def content(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if not name.startswith("__")}


def problems(body: dict[str, Any], schema: dict[str, Any], path: str) -> Iterator[str]:
    """What a block says that the provider does not know, and what it has to say and does not."""
    blocks = {name: value for name, value in content(body).items() if name in schema["blocks"]}
    for dynamic in body.get("dynamic", []):
        for name, one in content(dynamic).items():
            blocks[name.strip('"')] = one["content"]
    # In a block `count` is an argument as any other.
    arguments = content(body).keys() - blocks.keys() - (META - schema["arguments"].keys())
    for name in sorted(arguments - schema["arguments"].keys()):
        yield f"{path}.{name}: is no argument"
    required = {name for name, needed in schema["arguments"].items() if needed}
    for name in sorted(required - arguments):
        yield f"{path}.{name}: is required"
    for name, inner in blocks.items():
        if name not in schema["blocks"]:
            yield f"{path}.{name}: is no block"
            continue
        for one in inner:
            yield from problems(one, schema["blocks"][name], f"{path}.{name}")


@pytest.mark.parametrize(
    ("kind", "name", "body"), resources(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_resource_has_the_arguments_that_the_provider_takes(kind: str, name: str, body: dict[str, Any]) -> None:
    assert list(problems(body, SCHEMA["resources"][kind], f"{kind}.{name}")) == []


def test_an_argument_that_there_is_not_would_be_seen() -> None:
    body = {"name": '"x"', "colour": '"red"', "dynamic": [{'"holes"': {"content": [{}]}}], "__is_block__": True}
    schema = SCHEMA["resources"]["huaweicloud_smn_subscription"]
    assert set(problems(body, schema, "s")) == {
        "s.colour: is no argument",
        "s.name: is no argument",
        "s.endpoint: is required",
        "s.protocol: is required",
        "s.topic_urn: is required",
        "s.holes: is no block",
    }


def test_what_is_read_of_a_resource_is_an_attribute_of_it() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES.glob("*.tf"))
    made = {(kind, name) for kind, name, _ in resources()}
    read = re.findall(r"\b(huaweicloud_\w+)\.(\w+)(?:\[[^\]]*\])?(?:\.(\w+))?", text)
    assert len(read) > 20
    for kind, name, attribute in read:
        assert (kind, name) in made
        assert not attribute or attribute in SCHEMA["resources"][kind]["attributes"], (kind, attribute)


def test_every_function_has_a_handler_of_the_zip() -> None:
    (functions,) = [local["functions"] for local in named_locals() if "functions" in local]
    handlers = set(re.findall(r"^def (\w+)\(event", INDEX.read_text(encoding="utf-8"), re.MULTILINE))
    assert {name.strip('"') for name in content(functions)} == handlers
    assert "def initializer(context" in INDEX.read_text(encoding="utf-8")


def test_every_setting_is_one_that_the_code_reads() -> None:
    text = (TEMPLATES / "functions.tf").read_text(encoding="utf-8")
    source = "".join(path.read_text("utf-8") for path in (ROOT / "layers/untag/python/untag").rglob("*.py"))
    settings = set(re.findall(r"\bUNTAG_[A-Z_]+\b", text))
    assert settings >= {"UNTAG_BUCKET", "UNTAG_TOPIC_URN", "UNTAG_REMOVE_FUNCTION", "UNTAG_CREDENTIALS"}
    assert [name for name in sorted(settings) if f'"{name}"' not in source] == []


def test_every_alarm_on_the_log_looks_for_words_that_the_code_writes() -> None:
    (lines,) = [local["lines"] for local in named_locals() if "lines" in local]
    source = "".join(path.read_text("utf-8") for path in (ROOT / "layers/untag/python/untag/hosts").rglob("*.py"))
    for line in content(lines).values():
        assert line["words"].strip('"') in source


def test_every_variable_is_described_and_used_and_every_output_described() -> None:
    text = "".join(path.read_text("utf-8") for path in TEMPLATES.glob("*.tf") if path.name != "variables.tf")
    for name, variable in named("variable").items():
        assert variable["description"].strip('"'), name
        assert variable["type"], name
        assert f"var.{name}" in text, name
    assert all(output["description"].strip('"') for output in named("output").values())


def trigger(kind: str, name: str) -> dict[str, Any]:
    (body,) = [body for type_, own, body in resources() if (type_, own) == (kind, name)]
    return body


def test_no_way_in_over_http_is_open_unless_it_is_asked_for_and_then_it_asks_for_a_signature() -> None:
    gateway = trigger("huaweicloud_fgs_function_trigger", "gateway")
    assert named("variable")["gateway"]["default"] is None
    assert gateway["count"] == "${var.gateway == null ? 0 : 1}"
    text = (TEMPLATES / "triggers.tf").read_text(encoding="utf-8")
    assert re.findall(r"\bauth\s+=\s+(\S+)", text) == ['"IAM"']
    assert re.findall(r"\bprotocol\s+=\s+(\S+)", text) == ['"HTTPS"']


def test_events_of_eventgrid_are_subscribed_to_only_where_they_are_asked_for() -> None:
    deletions = trigger("huaweicloud_eg_event_subscription", "deletions")
    assert named("variable")["eventgrid_deletions"]["default"] == {}
    assert deletions["count"] == "${length(var.eventgrid_deletions) == 0 ? 0 : 1}"
    # Nothing is changed on the way: the function understands the CloudEvent as it is.
    (target,) = deletions["targets"]
    assert 'type = "ORIGINAL"' in (TEMPLATES / "triggers.tf").read_text(encoding="utf-8")
    assert 'all["decommission"]' in target["detail"]


def test_the_outputs_that_the_command_reads_are_there() -> None:
    assert set(READ_OUTPUTS) <= named("output").keys()


def test_the_secrets_are_never_shown() -> None:
    assert named("variable")["secrets"]["sensitive"] is True


def test_the_agency_may_do_nothing_but_what_the_functions_call() -> None:
    text = (TEMPLATES / "agency.tf").read_text(encoding="utf-8")
    actions = set(re.findall(r'"([a-z]+:[A-Za-z]*:\w+)"', text))
    assert actions == {
        "smn:topic:publish",
        "functiongraph:function:invokeAsync",
        "csms:secretVersion:get",
        "kms:dek:decrypt",
        "lts:groups:get",
        "lts:topics:get",
        "obs:object:GetObject",
        "obs:object:PutObject",
        "obs:object:DeleteObject",
        "obs:bucket:ListBucket",
        "tms:resourceTags:delete",
        "tms:resourceTags:create",
        "tms:resourceTags:list",
        "rms::unTagResource",
        "rms::tagResource",
        "rms::listTagsForResource",
        # Only where the bucket is encrypted with a key of the user's own.
        "kms:cmk:get",
        "kms:cmk:list",
        "kms:cmk:create",
        "kms:dek:create",
        "kms:dek:encrypt",
    }
    assert 'var.bucket_kms_key_id == "" ? []' in text


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not on this machine")
def test_the_templates_are_formatted() -> None:
    done = subprocess.run(
        ["terraform", "fmt", "-check", "-list=true", str(TEMPLATES)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def named_locals() -> list[dict[str, Any]]:
    return [local for document in parsed() for local in document.get("locals", [])]


def test_the_local_platform_has_the_functions_that_are_deployed() -> None:
    (functions,) = [content(local["functions"]) for local in named_locals() if "functions" in local]
    default = named("variable")["concurrency"]["default"]
    deployed = {
        f"untag-{name}": (
            f"index.{name}",
            one["timeout"],
            default if one["instances"] == "${var.concurrency}" else one["instances"],
        )
        for name, one in functions.items()
    }
    assert deployed == {one.name: (one.handler, one.timeout, one.max_instances) for one in FUNCTIONS}
    topics = {body["name"].strip('"') for kind, _, body in resources() if kind == "huaweicloud_smn_topic"}
    assert {topic.replace("untag", "${var.name}") for topic in (TOPIC, REQUESTS_TOPIC, EVENTS_TOPIC)} <= topics


def test_the_local_platform_has_the_timers_that_are_deployed() -> None:
    for own, name in (("due", DUE_TIMER), ("sweep", SWEEP_TIMER)):
        data = trigger("huaweicloud_fgs_function_trigger", own)["event_data"]
        assert f'"{name.replace("untag", "${var.name}")}"' in data
    assert named("variable")["sweep_schedule"]["default"].strip('"') == EACH_NIGHT
    assert set(VARIABLES) <= named("variable").keys()


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not on this machine")
@pytest.mark.parametrize(
    "rules",
    [
        '[{"match": 1}, {"match": {}, "b": 2}]',
        ' [ {"match": 1} ]',
        '{"rules": "obs://a/b"}',
        "[1]",
        '{"a": 1}',
        "[",
        "1",
    ],
)
def test_the_rules_of_a_sweep_are_taken_and_refused_as_on_the_local_platform(rules: str, tmp_path: Path) -> None:
    shutil.copy(TEMPLATES / "variables.tf", tmp_path)
    (expression,) = re.findall(r"^ +user_event += (.+)$", (TEMPLATES / "triggers.tf").read_text("utf-8"), re.MULTILINE)
    (tmp_path / "outputs.tf").write_text(f'output "event" {{\n  value = {expression}\n}}\n', encoding="utf-8")
    variables = ("region=cn-north-4", "bucket=acme-untag", f"sweep_rules={rules}")
    command = ["terraform", f"-chdir={tmp_path}", "apply", "-no-color", "-auto-approve", "-input=false"]
    command += [f"-var={one}" for one in variables]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        event = json.loads(sweep_timer({"sweep_rules": rules}).user_event)
    except LocalError:
        assert "A JSON list of rules, or a JSON object with rules." in done.stderr
        return
    assert done.returncode == 0, done.stderr
    outputs = json.loads((tmp_path / "terraform.tfstate").read_text(encoding="utf-8"))["outputs"]
    assert json.loads(outputs["event"]["value"]) == event
