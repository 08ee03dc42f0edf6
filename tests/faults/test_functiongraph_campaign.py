"""The short form of the campaign on FunctionGraph, and that it finds what is planted."""

import pytest
from functiongraph_campaign import Campaign, Outcome

PAIRS = 1500
SEED = 7


@pytest.fixture(scope="module")
def told() -> Outcome:
    return Campaign(SEED, PAIRS).run()


def test_no_pair_is_lost_no_removal_made_up_and_only_poison_is_buried_for_a_crash(told: Outcome) -> None:
    assert told.pairs >= PAIRS
    assert told.findings == {}


def test_what_the_account_speaks_of_really_went_wrong(told: Outcome) -> None:
    expected = ["a bell lost", "a firing of the timer missed", "keys replaced", "keys revoked under way"]
    expected += ["obs: unavailable", "obs: throttle", "obs: reset", "obs: partial", "smn: unavailable"]
    expected += [
        "calls to a topic that is down",
        "requests: DISCARD",
        "requests: LOST",
        "ended: FunctionExit",
        "ended: not acknowledged",
    ]
    assert [name for name in expected if not told.counts.get(name)] == []
    assert told.figures["dead letters for a crash"] > 0
    assert told.figures["dead letters redriven"] > 0


@pytest.mark.parametrize("mutant", ["acknowledges what failed", "deletes before it copies"])
def test_a_planted_bug_is_found(mutant: str) -> None:
    findings = Campaign(SEED, 1500, mutant=mutant, patience=45.0).run().findings
    assert any(law.endswith((": lost", ": lost after all")) for law in findings)
