"""docs/operations.md rehearsed at a stack that is up: its commands in a shell that `untag local env` has set."""

import json
import shutil
import subprocess
from collections.abc import Iterator

import pytest
import warm
from cli_support import Untag, request
from local_support import up

from tests.end_to_end.documented import AWS, blocks, hurried

pytestmark = pytest.mark.skipif(
    not shutil.which("jq") or not shutil.which("bash"), reason="the commands need bash and jq"
)

RUN = blocks("operations.md", "run")


class Operator:
    """A person on call, with a shell."""

    def __init__(self, untag: Untag) -> None:
        self.untag = untag
        folder = untag.folder / "bin"
        folder.mkdir()
        warm.script(folder / "aws", AWS)
        warm.script(folder / "untag")
        untag.environ |= {"PATH": f"{folder}:{untag.environ['PATH']}", "AWS_ANSWERS": "{}"}

    def run(self, script: str, setup: str = RUN["setup"]) -> str:
        text = f'eval "$(untag local env)"\n{setup}\n{script}'
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.untag.folder,
            env=self.untag.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def send(self, id_: str, account: str, *, wait: bool = True) -> None:
        file = self.untag.write("asked.json", request([f"i-{id_}"], id=id_, batch=id_, account=account))
        assert self.untag("local", "send", file, *(("--wait", "60") if wait else ())).code == 0

    def pairs(self, batch: str) -> dict[str, int]:
        pairs: dict[str, int] = self.untag("status", batch, "--json", UNTAG_LOCAL_REPORTS="on").json["pairs"]
        return pairs


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    untag = Untag(tmp_path_factory.mktemp("on call"), {})
    with up(untag, "--batching-window", "0.1"):
        yield Operator(untag)


def test_what_lacked_credentials_is_sent_back_once_they_are_there(operator: Operator) -> None:
    operator.send("no-key", "forgotten")
    assert operator.pairs("no-key") == {"failed": 1}
    assert operator.untag("local", "put", "asked.json", "--json").json["accounts"] == ["jdcloud/forgotten"]
    assert operator.run(RUN["redrive-some"]) == "1 of 1 dead letters sent\n"
    operator.send("another", "forgotten")
    assert operator.pairs("no-key") == {"removed": 1}


def test_dead_letters_are_listed_and_a_whole_queue_is_moved_back(operator: Operator) -> None:
    operator.untag("local", "send", operator.untag.write("bad.json", {"provider": 7}), "--wait", "60")
    operator.run(RUN["redrive-all"])
    # It is no more valid than before, so it comes back.
    operator.send("afterwards", "default")
    listed = operator.run(RUN["letters"], hurried(RUN["setup"])).split()
    assert listed[:2] == ["1", "invalid"]


def test_the_work_queue_is_switched_off_and_on(operator: Operator) -> None:
    assert json.loads(operator.run(RUN["stop"]))["State"] == "Disabled"
    operator.send("held", "default", wait=False)
    state = operator.untag("local", "state", "--json").json
    assert {queue["logical_id"]: queue["visible"] for queue in state["queues"]}["WorkQueue"] == 1
    operator.run(RUN["stop"].replace("--no-enabled", "--enabled"))
    operator.send("after", "default")
    assert operator.pairs("held") == {"absent": 1}
