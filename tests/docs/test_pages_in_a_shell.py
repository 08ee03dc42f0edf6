"""The pages' command lines as a person copies them: in a shell, from the project's folder, at a stack that is up.

Nothing is put right for them: the lines go to bash as they stand, and what their pages have a reader write is written
first. `aws` is the one of tests/end_to_end/aws_of_the_docs.py, which speaks to the local stack.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import warm
from docs_support import ROOT, problems
from pages import blocks, examples, lines
from terminals import Terminal

from local.providers import JdcloudServer
from tests.end_to_end.documented import AWS

pytestmark = [
    pytest.mark.skipif(not shutil.which("bash"), reason="the lines are for bash"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

LOCAL = "untag local"
UP = f"{LOCAL} up --live"
STAYS = {UP, f"{LOCAL} watch"}
"""What stays until Ctrl-C: the first is the stack that all others speak to."""
SERVICES = ("sqs", "sns", "events", "secretsmanager")
"""Those of AWS that the local stack has."""
ELSEWHERE = {
    "sky": "tests/docs/test_adding_a_provider.py writes that cloud",
    "--real": "tests/local/test_local_real_clouds.py",
    "sweeprules=": "a stack of its own, below",
    "$topic_arn": "a topic of the reader's own; tests/unit/test_arrivals.py hands its notifications over",
    "sweep_rules=": "a stack of its own, below",
    "--host functiongraph": "tests/local/test_functiongraph_up.py",
}
"""Lines that need something of their own, and where they are tried."""


def command_of(line: str) -> str:
    """A line without its comment."""
    return re.sub(r"\s+# .*", "", line).strip()


def shell_lines() -> list[str]:
    """The lines that are run here, in the order of the pages; one that stands on two pages is run once."""
    found = {}
    for _, line in lines():
        command = command_of(line)
        if not command.startswith(("eval ", f"{LOCAL} ", *(f"aws {one} " for one in SERVICES))):
            continue
        if command != UP and not any(word in command.lower() for word in ELSEWHERE):
            found.setdefault(command, line)
    return list(found.values())


def asked() -> Any:
    """The request that the page on requests begins with."""
    (request,) = [one for _, one in examples() if isinstance(one, dict) and one.get("id") == "chg-20418"]
    return request


def cleanup() -> str:
    """The CSV that the README shows."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return readme.partition("`cleanup.csv`:\n\n```csv\n")[2].partition("```")[0]


def rules() -> str:
    """The file of rules that the page on schedules has its reader write, as it stands there."""
    schedule = ROOT / "docs" / "how-to" / "on-a-schedule.md"
    (text,) = (block.text for block in blocks() if block.page == schedule and block.is_file)
    return text


class Reader:
    """Somebody who sits in the project's folder with a shell."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for path in ROOT.iterdir():
            if path.name not in (".git", ".local"):
                (folder / path.name).symlink_to(path)
        (folder / "bin").mkdir()
        warm.script(folder / "bin" / "aws", AWS)
        warm.script(folder / "bin" / "untag")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHONPATH"))}
        self._environment = kept | {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "UNTAG_LEDGER": str(folder / "ledger"),
            "AWS_ANSWERS": "{}",
            "UNTAG_LOCAL_SESSION": str(folder / "session.json"),
        }

    def run(self, *script: str) -> str:
        """What a script prints; nothing goes wrong in it."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join(script)],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"{script[-1]}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout

    def see(self, *script: str) -> str:
        """What the last line of a script draws on a terminal until Ctrl-C; the shell itself starts its command."""
        started = f'untag() {{ "{sys.executable}" -m cli "$@"; }}'
        command = ["bash", "-euo", "pipefail", "-c", "\n".join((started, *script))]
        with Terminal(command, cwd=self.folder, env=self._environment) as terminal:
            terminal.see("Queues")
            terminal.press("\x03")
            assert terminal.end() == 0, terminal.plain
            return str(terminal.plain)

    @contextlib.contextmanager
    def staying(self, line: str) -> Iterator[None]:
        """While it lasts, a line of the pages runs that stays until Ctrl-C."""
        session = self.folder / "session.json"
        output = self.folder / "up.txt"
        with (
            output.open("w") as file,
            subprocess.Popen(
                ["bash", "-c", f"exec {line}"],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            ) as process,
        ):
            try:
                end = time.monotonic() + 60
                while not session.exists():
                    assert process.poll() is None, output.read_text()
                    assert time.monotonic() < end, output.read_text()
                    time.sleep(0.1)
                yield
            finally:
                process.send_signal(signal.SIGINT)
                assert process.wait(timeout=30) == 0, output.read_text()
        assert "Traceback" not in output.read_text()

    def state(self) -> Any:
        return json.loads(self.run(f"{LOCAL} state --json"))

    def tags(self, id_: str) -> Any:
        return self.state()["providers"]["jdcloud"]["tags"]["default"]["cn-north-1"]["vm"][id_]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader at whose stack the pages' request is done, and who has the files that the pages have one write."""
    reader = Reader(tmp_path_factory.mktemp("checkout"))
    request = asked()
    (reader.folder / "request.json").write_text(json.dumps(request), encoding="utf-8")
    (reader.folder / "key.json").write_text(json.dumps(JdcloudServer().secrets["default"]), encoding="utf-8")
    (reader.folder / "cleanup.csv").write_text(cleanup(), encoding="utf-8")
    (reader.folder / "rules.json").write_text(rules(), encoding="utf-8")
    with reader.staying(UP):
        session = json.loads((reader.folder / "session.json").read_text())
        tags = {tag["key"]: tag["value"] for tag in request["tags"]}
        resources = [
            {"region": request["region"], "type": group["type"], "id": id_, "tags": tags}
            for group in request["resources"]
            for id_ in group["ids"]
        ]
        httpx.put(f"{session['providers']['jdcloud']}/_control/tags", json={"resources": resources}).raise_for_status()
        reader.run(f"{LOCAL} send request.json --wait 60")
        report = next(one["body"] for one in reversed(reader.state()["reports"]) if one["body"]["id"] == "chg-20418")
        assert report["counts"] == {"removed": 2}
        (reader.folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
        yield reader


def test_a_schedule_without_rules_leads_to_no_dead_letter_but_to_a_notice(reader: Reader) -> None:
    sent = reader.run(f"{LOCAL} fire SweepSchedule")
    assert "1 message to the queue untag-sweep" in sent
    assert "the schedule has no rules, so the sweep looks for nothing" in sent
    (told,) = json.loads(reader.run(f"{LOCAL} fire SweepSchedule --json"))
    assert "no rules" in told["note"]
    end = time.monotonic() + 60
    while not (notices := [one["body"] for one in reader.state()["reports"] if one["body"]["kind"] == "sweep"]):
        assert time.monotonic() < end
    assert notices[0]["code"] == "no_rules"
    assert [letter for letter in reader.state()["dead_letters"] if "Sweep" in letter["queue"]] == []


def test_every_line_works_as_it_stands_at_a_stack_that_is_up(reader: Reader) -> None:
    found = shell_lines()
    assert len(found) > 15
    printed = {}
    for line in found:
        setting = 'eval "$(untag local env)"'
        if "create-secret" in line:  # the local stack has put its clouds' credentials there
            setting += (
                f"\naws secretsmanager delete-secret --secret-id {line.split()[4]} --force-delete-without-recovery"
            )
        ran = reader.see if command_of(line) in STAYS else reader.run
        printed[command_of(line)] = ran(setting, line)
    assert "SweepRules" in printed[f"{LOCAL} fire SweepSchedule"]
    for request in json.loads((reader.folder / "undo.json").read_text()):
        assert problems("removal-request", request) == []
    reader.run(f"{LOCAL} faults off")
    words = {command.split()[2] for command in printed if command.startswith(LOCAL)}
    assert words >= {"send", "invoke", "fire", "undo", "state", "faults", "watch"}


@pytest.mark.parametrize(("parameter", "schedule"), [("SweepRules=", "SweepSchedule"), ("sweep_rules=", "untag-sweep")])
def test_the_rules_that_the_page_on_schedules_shows_are_tried_on_either_host(
    tmp_path: Path, parameter: str, schedule: str
) -> None:
    reader = Reader(tmp_path)
    (tmp_path / "rules.json").write_text(rules(), encoding="utf-8")
    ((_, line),) = [found for found in lines() if found[1].startswith(f"{LOCAL} up") and parameter in found[1]]
    assert f"{LOCAL} fire {schedule}" in {command_of(found) for _, found in lines()}
    with reader.staying(line):
        sent = reader.run(f"{LOCAL} fire {schedule}")
        assert "no rules" not in sent
        end = time.monotonic() + 60
        while (tags := reader.tags("i-event01")) != {"env": "prod"}:
            assert time.monotonic() < end, tags
        # The same file is understood where it is sent, too, though it is a bare list.
        reader.run(f"{LOCAL} send rules.json")
        while len(swept := [one["body"] for one in reader.state()["reports"] if one["body"]["kind"] == "sweep"]) < 2:
            assert time.monotonic() < end, swept
        assert [one["details"][0]["rule"] for one in swept] == ["expired", "expired"]
        assert [letter for letter in reader.state()["dead_letters"] if "sweep" in letter["queue"].lower()] == []


def test_every_line_is_run_here_or_somewhere_else_that_is_named() -> None:
    run = {command_of(line) for line in shell_lines()}
    for place, line in lines():
        command = command_of(line)
        if command.startswith(LOCAL) and command != UP and command not in run:
            assert any(word in command.lower() for word in ELSEWHERE), f"{place}: {line}"
