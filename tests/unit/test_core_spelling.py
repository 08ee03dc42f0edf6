"""A cloud that ignores the case of keys and ids: what it writes otherwise is still what was asked for."""

from typing import Any

import pytest
from engine_bench import Bench, request, told
from scripted_provider import Made

from untag.contracts import Action, InvalidInputError, Tag, parse_requests
from untag.core import Policy, conflicting
from untag.providers import Answer, Failure, Verdict

THERE = {"/SUBS/i-1": {"Env": "prod", "Team": "a"}}


class Spelled(Bench):
    """A bench whose cloud ignores the case of keys and ids."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, caseless=True, **more)


def capitals(made: Made) -> Answer:
    """Answers with its own spelling of ids."""
    if made.kind == "read":
        return Answer(Verdict.DONE, tags=THERE, versions=dict.fromkeys(THERE, "1"))
    return Answer(Verdict.DONE)


def asking(*ids: str, **fields: Any) -> dict[str, Any]:
    return request(resources=[{"type": "vm", "ids": list(ids)}], **fields)


def test_a_removal_names_the_key_as_it_stands_there_and_the_row_as_it_was_asked_for() -> None:
    bench = Spelled(capitals, reads_first=True)
    (job,) = bench.run(asking("/subs/I-1", tags=[{"key": "ENV", "value": "prod"}]))
    assert told(job) == {("/subs/I-1", "ENV"): "removed"}
    assert [result.was for *_, result in job.rows()] == ["prod"]
    (write,) = bench.provider.made("write")
    assert (write.ids, write.tags) == (("/subs/I-1",), (Tag("Env", "prod"),))
    assert write.seen["/subs/I-1"].version == "1"


def test_resources_on_which_a_key_is_written_otherwise_are_written_each_as_it_stands_there() -> None:
    there = {"i-1": {"Env": "prod"}, "i-2": {"ENV": "prod"}, "i-3": {"Env": "prod"}}

    def answer(made: Made) -> Answer:
        return Answer(Verdict.DONE, tags={id_: there[id_] for id_ in made.ids} if made.kind == "read" else None)

    bench = Spelled(answer, reads_first=True)
    (job,) = bench.run(asking(*there))
    assert set(told(job).values()) == {"removed"}
    sent = {(write.ids, write.tags) for write in bench.provider.made("write")}
    assert sent == {(("i-1", "i-3"), (Tag("Env", "prod"),)), (("i-2",), (Tag("ENV", "prod"),))}


def test_values_are_compared_as_they_are() -> None:
    bench = Spelled(capitals, reads_first=True)
    (job,) = bench.run(asking("/subs/i-1", tags=[{"key": "env", "value": "PROD"}]))
    assert told(job) == {("/subs/i-1", "env"): "absent"}


def test_a_resource_that_two_requests_spell_differently_is_called_once_and_settled_in_both() -> None:
    bench = Spelled(capitals, reads_first=True)
    jobs = bench.run(asking("/subs/i-1"), asking("/Subs/I-1"))
    assert [told(job) for job in jobs] == [{("/subs/i-1", "env"): "removed"}, {("/Subs/I-1", "env"): "removed"}]
    assert [call.kind for call in bench.provider.calls] == ["read", "write"]


def test_a_resource_and_a_key_that_one_request_names_in_two_spellings_have_a_row_each() -> None:
    bench = Spelled(capitals, reads_first=True)
    (job,) = bench.run(asking("/subs/i-1", "/Subs/I-1", tags=[{"key": "env"}, {"key": "Env"}]))
    assert set(told(job).values()) == {"removed"}
    assert len(told(job)) == 4
    (write,) = bench.provider.made("write")
    assert (write.ids, write.tags) == (("/subs/i-1",), (Tag("Env", "prod"),))


def test_every_tag_of_a_resource_in_two_spellings_is_removed_in_both_requests() -> None:
    bench = Spelled(capitals, reads_first=True)
    jobs = bench.run(asking("/subs/i-1", tags="all"), asking("/Subs/I-1", tags="all"))
    assert [sorted(told(job).values()) for job in jobs] == [["removed", "removed"]] * 2
    assert len(bench.provider.made("read")) == 1


def test_a_failure_is_matched_with_the_resource_that_was_asked_for() -> None:
    def failing(made: Made) -> Answer:
        if made.kind == "read":
            return capitals(made)
        return Answer(Verdict.DONE, failures={"/SUBS/i-1": Failure("Locked", "no")})

    (job,) = Spelled(failing, reads_first=True).run(asking("/subs/i-1"))
    assert told(job) == {("/subs/i-1", "env"): "failed"}


def test_a_protected_key_is_protected_in_every_spelling() -> None:
    bench = Spelled(capitals, reads_first=True, policy=Policy(protected_keys=("TEA*",)))
    (job,) = bench.run(asking("/subs/i-1", tags=[{"key": "team"}, {"key": "SYS:x"}]))
    assert set(told(job).values()) == {"protected"}
    assert bench.provider.calls == []


def test_a_restore_of_a_removed_key_conflicts_in_every_spelling() -> None:
    bench = Spelled(capitals)
    jobs = bench.open(asking("/subs/i-1"), asking("/SUBS/I-1", action="restore", tags=[{"key": "ENV", "value": "x"}]))
    assert conflicting(jobs) == [jobs[1]]


def test_one_key_cannot_be_put_back_with_two_values_under_two_spellings() -> None:
    bench = Spelled(capitals)
    tags = [{"key": "env", "value": "a"}, {"key": "ENV", "value": "b"}]
    requests = parse_requests(asking("/subs/i-1", action="restore", tags=tags), "r")
    with pytest.raises(InvalidInputError) as raised:
        bench.registry.checked(requests, listed=False)
    assert [problem.path for problem in raised.value.problems] == ["tags.1.value"]
    assert requests[0].action is Action.RESTORE
