"""The short form of the campaign: all that the long one (`make faults`) does, with fewer pairs."""

import pytest
from campaign import Campaign, Outcome
from weather import Mix
from workload import GARBAGE, workload

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PAIRS = 5000
SEED = 20261123


@pytest.fixture(scope="module")
def told() -> Outcome:
    return Campaign(SEED, PAIRS, mix=Mix(killed=0.03, hung=0.01)).run()


def test_no_pair_is_lost_no_removal_made_up_and_no_tag_touched_that_nobody_asked_for(told: Outcome) -> None:
    assert told.pairs >= PAIRS
    assert told.findings == {}


def test_the_faults_that_the_account_speaks_of_were_really_injected(told: Outcome) -> None:
    expected = ["429", "429 with Retry-After", "502", "503", "504", "reset before it is applied"]
    expected += ["reset after it is applied", "no answer though applied", "slow answer", "truncated body"]
    expected += ["body that is no JSON", "200 with failures", "refused for one bad id", "SIGKILL of the function"]
    assert [name for name in expected if not told.faults[name]] == []
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
