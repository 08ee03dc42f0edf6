"""The workflows, the forms and the pages for contributors: that they parse, and that what they name is there."""

import re

import pytest
import yaml

from local.stack import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
PAGES = [ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ROOT / ".github" / "pull_request_template.md"]

# owner/repository, perhaps a folder in it, at a whole commit; and behind it for people the version that it is.
PINNED = re.compile(r"- uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
MAKE = re.compile(r"\bmake ((?:[a-z][a-z-]*(?: |$))+)")


def targets():
    return set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def made(workflow):
    commands = [step["run"] for step in steps(workflow) if "run" in step]
    return {target for command in commands for found in MAKE.findall(command) for target in found.split()}


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.stem)
def text(request):
    return request.param.read_text(encoding="utf-8")


@pytest.fixture
def workflow(text):
    # To YAML 1.1 the key `on` is a boolean.
    return {("on" if key is True else key): value for key, value in yaml.safe_load(text).items()}


def test_every_action_is_pinned_to_a_commit_and_says_which_version_that_is(text, workflow):
    lines = [line.strip() for line in text.splitlines() if "uses:" in line]
    assert len(lines) == len([step for step in steps(workflow) if "uses" in step])
    assert [line for line in lines if not PINNED.fullmatch(line)] == []


def test_one_action_is_at_one_version_everywhere():
    pins = {}
    for path in WORKFLOWS:
        for name, pin in re.findall(r"uses: (\S+)@(.+)", path.read_text(encoding="utf-8")):
            pins.setdefault(name, set()).add(pin)
    assert {name: found for name, found in pins.items() if len(found) > 1} == {}


def test_a_workflow_may_read_the_code_and_nothing_else(text, workflow):
    assert workflow["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in workflow["jobs"].values())
    assert "secrets" not in text
    assert "pull_request_target" not in workflow["on"]
    kept = [step for step in steps(workflow) if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in kept)


def test_no_text_from_outside_is_put_into_a_command(workflow):
    assert [step["run"] for step in steps(workflow) if "${{" in step.get("run", "")] == []


def test_no_job_runs_for_ever_or_beside_its_successor(workflow):
    assert all(0 < job["timeout-minutes"] <= 180 for job in workflow["jobs"].values())
    assert workflow["concurrency"]["group"]


def test_what_a_workflow_makes_can_be_made(workflow):
    assert made(workflow)
    assert made(workflow) <= targets()


def test_ci_runs_all_that_a_newcomer_runs_on_every_python_that_is_supported():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    newcomer = set(re.findall(r"^make ([a-z-]+)", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE))
    assert newcomer <= made(workflow)
    pythons = workflow["jobs"]["test"]["strategy"]["matrix"]["python"]
    oldest = re.search(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))[1]
    deployed = re.search(r"Runtime: python([\d.]+)", (ROOT / "template.yaml").read_text(encoding="utf-8"))[1]
    assert (pythons[0], pythons[-1]) == (oldest, deployed)
    assert set(workflow["jobs"]["passed"]["needs"]) == set(workflow["jobs"]) - {"passed"}


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_is_one_that_github_takes_and_warns_of_keys(path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert form["name"]
    assert form["description"]
    fields = [item for item in form["body"] if item["type"] != "markdown"]
    assert {item["type"] for item in fields} <= {"input", "textarea", "dropdown", "checkboxes"}
    assert len({item["id"] for item in fields}) == len(fields)
    assert all(item["attributes"]["label"] for item in fields)
    assert "Do not paste keys" in path.read_text(encoding="utf-8")


def test_a_bug_report_asks_for_what_a_report_holds():
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml").read_text(encoding="utf-8"))
    ids = {item.get("id") for item in form["body"]}
    assert {"report_id", "provider_request_id", "request_id"} <= ids


def test_every_owned_path_is_there_and_everything_is_owned():
    lines = [line.split() for line in (ROOT / ".github" / "CODEOWNERS").read_text(encoding="utf-8").splitlines()]
    rules = [line for line in lines if line and line[0] != "#"]
    assert rules[0][0] == "*"
    assert all(len(rule) > 1 and all(owner.startswith("@") for owner in rule[1:]) for rule in rules)
    assert [path for path, *_ in rules[1:] if not (ROOT / path.strip("/")).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_a_page_names_targets_files_and_commands_that_are_there(page):
    text = page.read_text(encoding="utf-8")
    assert {
        target
        for found in re.findall(r"`make ([a-z-][a-z -]*)`|^ {4}make ([a-z-]+)", text, re.MULTILINE)
        for names in found
        for target in names.split()
    } <= targets()
    written = {"docs/reliability.md"}  # by make faults
    named = set(re.findall(r"`([\w./-]+/[\w.*/-]+|[A-Z]+\.md|[\w-]+\.(?:toml|yaml))`", text)) - written
    assert [name for name in named if not list(ROOT.glob(name.rstrip("/")))] == []
    rooms = (ROOT / "local" / "commands", ROOT / "cli" / "commands")
    commands = "".join(path.read_text(encoding="utf-8") for room in rooms for path in room.glob("*.py"))
    for command in re.findall(r"untag local ([a-z]+)", text):
        assert f"def {command}(" in commands or f'name="{command}"' in commands
