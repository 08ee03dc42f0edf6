"""The lines with `untag` on the pages, as a person types them at a terminal, at a local cloud.

What a page has its reader write is written first. A question is answered with the number that it names.
"""

import json
import os
import pty
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from docs_support import ROOT
from pages import lines

from local.providers import JdcloudServer, environment

pytestmark = pytest.mark.skipif(not shutil.which("bash"), reason="the lines are for bash")

PAGES = (
    *("README.md", "docs/command.md", "docs/how-to/remove-a-tag-everywhere.md"),
    *("docs/how-to/approve-in-a-pipeline.md", "docs/how-to/undo.md"),
)
CLEANUP = """provider,region,type,id,key,value
jdcloud,cn-north-1,vm,i-1,env,prod
jdcloud,cn-north-1,vm,i-2,env,*
"""
AT_A_STACK = "docs/functiongraph.md"
"""tests/cli/test_functiongraph_deployed.py tries the lines of this page."""
RESOURCES = [
    {"region": "cn-north-1", "type": "vm", "id": id_, "tags": {"env": value, "team": "web"}}
    for id_, value in (("i-1", "prod"), ("i-2", "test"))
]
_WRITTEN = re.compile(r"^ *`([\w.]+\.(?:csv|json))`:\n\n *```(?:csv|json)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_QUESTION = re.compile(r"\((\d+)\) to go on: $")


def lines_of(page: str) -> list[str]:
    """The page's lines that call the command, in their order."""
    return [line for place, line in lines() if place.partition(":")[0] == page and _acts_here(line)]


def _acts_here(line: str) -> bool:
    """Whether a line calls the command in its own process. Those of the local stack are tried in
    test_pages_in_a_shell.py, those at a deployed one in tests/cli/test_stacks_page.py.
    """
    return line.startswith("untag ") and not line.startswith("untag local ") and " --stack " not in line


class Terminal:
    """A shell in a folder with the files that a page has its reader write."""

    def __init__(self, folder: Path, page: str, cloud: JdcloudServer) -> None:
        self.folder = folder
        self._cloud = cloud
        for name, text in _WRITTEN.findall((ROOT / page).read_text(encoding="utf-8")):
            self.write(name, text)
        command = folder / "bin" / "untag"
        command.parent.mkdir()
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cli "$@"\n', encoding="utf-8")
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("UNTAG_", "AWS_"))}
        self._environment = kept | {
            **environment([cloud]),
            "PATH": f"{command.parent}:{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'layers/untag/python'}",
            "UNTAG_LEDGER": str(folder / "ledger"),
            "HOME": str(folder),
            "TERM": "dumb",
            "COLUMNS": "200",
        }

    def write(self, name: str, text: str) -> None:
        """A file in the folder."""
        (self.folder / name).write_text(text, encoding="utf-8")

    def tag_again(self) -> None:
        """Give the resources the tags that the page speaks of."""
        self._cloud.tags.load(RESOURCES)

    def run(self, line: str) -> str:
        """What a line prints; it ends well."""
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", f"{line}\n:"],  # a shell that stays is found by --install-completion
            cwd=self.folder,
            env=self._environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        ) as process:
            os.close(theirs)
            text = ""
            for part in _parts(ours):
                text += part
                if question := _QUESTION.search(text):
                    os.write(ours, f"{question[1]}\n".encode())
        os.close(ours)
        assert process.returncode == 0, f"{line}: {text}"
        return text

    def tags(self) -> list[Any]:
        """What stands at the cloud."""
        return [self._cloud.tags.get("default", "cn-north-1", "vm", resource["id"]) for resource in RESOURCES]


def _parts(terminal: int) -> Iterator[str]:
    while True:
        try:
            part = os.read(terminal, 65_536)
        except OSError:  # how Linux says that the other side is closed
            return
        if not part:
            return
        yield part.decode()


@pytest.fixture
def terminal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
    with JdcloudServer() as cloud:
        made = Terminal(tmp_path, request.param, cloud)
        made.tag_again()
        yield made


@pytest.mark.parametrize("terminal", ["README.md"], indirect=True)
def test_a_first_request_is_checked_planned_and_applied_as_the_readme_says(terminal: Terminal) -> None:
    check, plan, apply = lines_of("README.md")
    assert "2 pairs" in terminal.run(check)
    assert "2 pairs of resource and tag would be removed" in terminal.run(plan)
    assert all("env" in tags for tags in terminal.tags())
    assert "2 removed, complete: yes" in terminal.run(apply)
    assert terminal.tags() == [{"team": "web"}, {"team": "web"}]


@pytest.mark.parametrize("terminal", ["docs/command.md"], indirect=True)
def test_every_line_of_the_commands_page_works_as_it_stands(terminal: Terminal) -> None:
    printed = {}
    for line in lines_of("docs/command.md"):
        if line.startswith("untag run cleanup.csv"):  # each section begins with the tags that the page's file asks for
            terminal.tag_again()
        printed[line.split()[1]] = terminal.run(line)
    assert printed.keys() >= {"check", "tags", "plan", "apply", "run", "status", "undo"}
    assert terminal.tags() == [{"env": "prod", "team": "web"}, {"env": "test", "team": "web"}]
    assert {path.name for path in terminal.folder.iterdir()} >= {"keys.csv", "rows.csv", "failed.csv", "undo.json"}


@pytest.mark.parametrize("terminal", ["docs/how-to/remove-a-tag-everywhere.md"], indirect=True)
def test_a_tag_is_found_planned_and_removed_everywhere_as_the_page_says(terminal: Terminal) -> None:
    look, check, plan, apply, status, again = lines_of("docs/how-to/remove-a-tag-everywhere.md")
    assert "env" in terminal.run(look)
    terminal.run(check)
    assert "2 pairs of resource and tag would be removed" in terminal.run(plan)
    assert "2 removed, complete: yes" in terminal.run(apply)
    assert "2 removed" in terminal.run(status)
    assert "env" not in terminal.run(again).replace("env*", "")
    assert terminal.tags() == [{"team": "web"}, {"team": "web"}]


@pytest.mark.parametrize("terminal", ["docs/how-to/undo.md"], indirect=True)
def test_a_batch_is_put_back_as_the_page_on_undo_says(terminal: Terminal) -> None:
    undo, show = lines_of("docs/how-to/undo.md")
    terminal.write("cleanup.csv", CLEANUP)
    terminal.run("untag run cleanup.csv --batch cleanup-2026-11 --yes --expect 2")
    terminal.run(show)
    assert {one["action"] for one in json.loads((terminal.folder / "undo.json").read_text())} == {"restore"}
    assert terminal.tags() == [{"team": "web"}, {"team": "web"}]
    assert "2 restored" in terminal.run(undo)
    assert terminal.tags() == [{"env": "prod", "team": "web"}, {"env": "test", "team": "web"}]


@pytest.mark.skipif(not shutil.which("jq"), reason="the page's job uses it")
@pytest.mark.parametrize("terminal", ["docs/how-to/approve-in-a-pipeline.md"], indirect=True)
def test_the_pages_job_applies_what_was_reviewed(terminal: Terminal) -> None:
    page = (ROOT / "docs/how-to/approve-in-a-pipeline.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (line,) = [step["run"] for step in yaml.safe_load(text)["jobs"]["apply"]["steps"] if "apply" in step.get("run", "")]
    terminal.write("cleanup.csv", CLEANUP)
    (first,) = lines_of("docs/how-to/approve-in-a-pipeline.md")
    terminal.run(first)
    plan = terminal.folder / "plan.csv"
    plan.write_text("".join(plan.read_text().splitlines(keepends=True)[:-1]))
    assert "1 removed" in terminal.run(line)
    assert terminal.tags() == [{"team": "web"}, {"env": "test", "team": "web"}]


def test_every_line_that_calls_the_command_is_on_a_page_that_is_tried_here() -> None:
    places = {place.partition(":")[0] for place, line in lines() if _acts_here(line)}
    assert places == {*PAGES, AT_A_STACK}
