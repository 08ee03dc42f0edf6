"""The short form of the campaign: all that the long one (`make faults`) does, with fewer pairs.

Its phases spend most of their time waiting for a queue to hand out again, so they run in two processes, side by side.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from campaign import Outcome
from workload import GARBAGE, workload

from local.providers.huaweicloud_shapes import SHAPES
from local.stack import ROOT

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PAIRS = 5000
SEED = 20261123


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("campaign")
    with (
        campaign(folder / "storm.json", PAIRS, "storm", "rotation", "redrive") as storm,
        campaign(folder / "calm.json", 0, "outage", "poison", "topic", "redrive") as calm,
    ):
        assert (storm.wait(400), calm.wait(400)) == (0, 0)
    found, other = (Outcome(**json.loads((folder / name).read_text())) for name in ("storm.json", "calm.json"))
    found.add(other.findings)
    found.figures |= {name: value for name, value in other.figures.items() if name not in found.figures}
    return found


def campaign(answer: Path, pairs: int, *phases: str) -> "subprocess.Popen[bytes]":
    """A campaign of these phases; its outcome will stand in `answer`.

    In a process of its own, since the clouds and moto run in it, and the tests' own process is slowed by what measures
    their coverage.
    """
    command = [sys.executable, "-W", "ignore", str(ROOT / "tools" / "faults.py"), "--answer", str(answer)]
    command += ["--seed", str(SEED), "--pairs", str(pairs), *(word for phase in phases for word in ("--phase", phase))]
    return subprocess.Popen(command)


def test_no_pair_is_lost_no_removal_made_up_and_no_tag_touched_that_nobody_asked_for(told: Outcome) -> None:
    assert told.pairs >= PAIRS
    assert told.findings == {}


def test_the_faults_that_the_account_speaks_of_were_really_injected(told: Outcome) -> None:
    expected = ["429", "429 with Retry-After", "502", "503", "504", "reset before it is applied"]
    expected += ["reset after it is applied", "no answer though applied", "slow answer", "truncated body"]
    expected += ["body that is no JSON", "200 with failures", "refused for one bad id", "SIGKILL of the function"]
    expected += ["an answer about other ids", "200 with a throttle for one resource"]
    expected += [f"Huawei Cloud's error, in shape: {shape}" for shape in SHAPES]
    expected += ["Huawei Cloud's empty list: null", "Huawei Cloud's empty list: left_out"]
    assert [name for name in expected if not told.faults.get(name)] == []
    assert sum(count for name, count in told.faults.items() if name.startswith(("sqs:", "sns:"))) > 0
    assert sum(count for name, count in told.faults.items() if "twice" in name or "again" in name) > 0


def test_a_total_outage_costs_a_bounded_number_of_calls(told: Outcome) -> None:
    calls = told.figures["calls during a minute's outage with work for 400"]
    assert 0 < calls <= told.figures["bound of calls during that outage"]
    assert told.figures["calls during the total outage in the storm"] > 0


def test_a_topic_that_is_down_adds_no_message_to_the_work_queue(told: Outcome) -> None:
    assert told.figures["messages added to the work queue while the topic was down"] == 0


def test_a_seed_makes_the_same_workload_again() -> None:
    assert workload(7, 3000).bodies == workload(7, 3000).bodies
    assert workload(7, 3000).bodies != workload(8, 3000).bodies
    assert GARBAGE
