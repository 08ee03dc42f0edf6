"""Writes that are refused because the resource has changed since it was read, and writes that are carried out later."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from engine_bench import Bench, deferrals, request, told
from scripted_provider import Made

from untag.contracts import Action, Outcome, Result, Tag
from untag.core import remainder
from untag.core.limits import CONFIRM_SECONDS, CONFIRMATIONS, REREADS
from untag.providers import Answer, Failure, Seen, Verdict


@dataclass
class VersionedCloud:
    """A truthful cloud that takes a write only with the version that stands there. `meddle` runs before each write."""

    tags: dict[str, dict[str, str]]
    meddle: Callable[[], Any] = lambda: None
    version: int = 0
    writes: list[dict[str, Seen]] = field(default_factory=list)

    def change(self, id_: str, **tags: str | None) -> None:
        self.version += 1
        for key, value in tags.items():
            self.tags[id_].pop(key, None)
            self.tags[id_] |= {} if value is None else {key: value}

    def answer(self, made: Made) -> Answer:
        version = str(self.version)
        if made.kind == "read":
            there = {id_: dict(self.tags[id_]) for id_ in made.ids if id_ in self.tags}
            return Answer(Verdict.DONE, tags=there, versions=dict.fromkeys(there, version))
        self.writes.append(dict(made.seen))
        self.meddle()
        if any(made.seen[id_].version != str(self.version) for id_ in made.ids):
            return Answer(Verdict.STALE, code="conditionNotMet")
        for id_ in made.ids:
            for key, value in made.tags:
                self.change(id_, **{key: value if made.action is Action.RESTORE else None})
        return Answer(Verdict.DONE, request_id="w")


def rows(job: Any) -> list[tuple[str, str | None]]:
    return [(result.outcome.value, result.was) for *_, result in job.rows()]


def once(act: Callable[[], Any]) -> Callable[[], Any]:
    todo = [act]
    return lambda: todo.pop()() if todo else None


def test_a_write_is_handed_what_the_precheck_saw() -> None:
    cloud = VersionedCloud({"i-1": {"env": "prod", "owner": "x"}}, version=7)
    (job,) = Bench(cloud.answer, reads_first=True).run(request())
    assert cloud.writes == [{"i-1": Seen({"env": "prod", "owner": "x"}, "7")}]
    assert rows(job) == [("removed", "prod")]


def test_a_write_without_a_precheck_is_handed_nothing() -> None:
    seen = []
    (job,) = Bench(lambda made: seen.append(made.seen) or Answer(Verdict.DONE)).run(request())
    assert (seen, told(job)) == ([{}], {("i-1", "env"): "removed"})


def test_a_stale_write_is_read_again_and_written_with_the_new_version() -> None:
    cloud = VersionedCloud({"i-1": {"env": "prod"}})
    cloud.meddle = once(lambda: cloud.change("i-1", other="x"))
    bench = Bench(cloud.answer, reads_first=True)
    (job,) = bench.run(request())
    assert rows(job) == [("removed", "prod")]
    assert [call.kind for call in bench.provider.calls] == ["read", "write", "read", "write"]
    assert [seen["i-1"].version for seen in cloud.writes] == ["0", "1"]
    assert cloud.tags == {"i-1": {"other": "x"}}


def test_a_value_that_has_changed_meanwhile_is_not_removed() -> None:
    cloud = VersionedCloud({"i-1": {"env": "prod"}})
    cloud.meddle = once(lambda: cloud.change("i-1", env="test"))
    (job,) = Bench(cloud.answer, reads_first=True).run(request())
    assert rows(job) == [("absent", "test")]
    assert cloud.tags == {"i-1": {"env": "test"}}


def test_a_value_that_is_set_meanwhile_is_not_overwritten_by_a_restore() -> None:
    cloud = VersionedCloud({"i-1": {}})
    cloud.meddle = once(lambda: cloud.change("i-1", env="test"))
    (job,) = Bench(cloud.answer, reads_first=True).run(request(action="restore"))
    assert rows(job) == [("protected", "test")]
    assert cloud.tags == {"i-1": {"env": "test"}}


def test_a_resource_that_changes_each_time_is_left_for_later_within_a_bound() -> None:
    cloud = VersionedCloud({"i-1": {"env": "prod"}})
    cloud.meddle = lambda: cloud.change("i-1", other="x")
    bench = Bench(cloud.answer, reads_first=True)
    (job,) = bench.run(request())
    (deferral,) = deferrals(job)
    assert (deferral.code, deferral.counted, deferral.lost) == ("conditionNotMet", True, False)
    assert len(bench.provider.made("write")) == REREADS + 1
    assert [tag for body in remainder(job, lambda: 0.0).bodies for tag in body["tags"]] == [
        {"key": "env", "value": "prod"}
    ]


def test_a_resource_that_is_gone_at_the_second_read_is_not_found() -> None:
    cloud = VersionedCloud({"i-1": {"env": "prod"}})
    bench = Bench(
        lambda made: Answer(Verdict.NOT_FOUND) if cloud.version and made.kind == "read" else cloud.answer(made),
        reads_first=True,
    )
    cloud.meddle = once(lambda: cloud.change("i-1", other="x"))
    (job,) = bench.run(request())
    assert told(job) == {("i-1", "env"): "not_found"}


@pytest.mark.parametrize("gone", ["read", "not found"])
def test_where_our_own_lost_write_made_it_stale_the_tag_is_absent_with_the_value_that_stood_there(gone: str) -> None:
    cloud = VersionedCloud({"i-1": {"env": "prod"}})
    lost = []

    def answer(made: Made) -> Answer:
        if made.kind == "read":
            return Answer(Verdict.NOT_FOUND) if lost and gone == "not found" else cloud.answer(made)
        applied = cloud.answer(made)
        if not lost:
            lost.append(made)
            return Answer(Verdict.UNAVAILABLE, code="connection")
        return applied

    (job,) = Bench(answer, reads_first=True).run(request())
    assert rows(job) == [("absent", "prod")]


def test_one_stale_resource_inside_a_success_is_read_again_alone() -> None:
    cloud = VersionedCloud({f"i-{n}": {"env": "prod"} for n in range(3)})
    stale = [Failure("conditionNotMet", "changed", Verdict.STALE)]

    def answer(made: Made) -> Answer:
        if made.kind == "read":
            return cloud.answer(made)
        failures = {"i-1": stale.pop()} if stale else {}
        for id_ in made.ids:
            if id_ not in failures:
                cloud.change(id_, env=None)
        return Answer(Verdict.DONE, failures=failures)

    bench = Bench(answer, reads_first=True)
    asked = request(resources=[{"type": "vm", "ids": ["i-0", "i-1", "i-2"]}])
    (job,) = bench.run(asked)
    assert rows(job) == [("removed", "prod")] * 3
    assert [call.ids for call in bench.provider.calls[2:]] == [("i-1",), ("i-1",)]


@dataclass
class SlowCloud:
    """A cloud that accepts a write and carries it out when so many reads have been made after it; never if None."""

    tags: dict[str, dict[str, str]]
    after: int | None = 1
    retry_after: float = 0.0
    waiting: list[tuple[int, Made]] = field(default_factory=list)
    reads: int = 0

    def answer(self, made: Made) -> Answer:
        if made.kind == "write":
            self.waiting.append((self.reads, made))
            return Answer(Verdict.ACCEPTED, request_id="w", retry_after=self.retry_after)
        self.reads += 1
        for since, write in list(self.waiting):
            if self.after is not None and self.reads - since >= self.after:
                self.waiting.remove((since, write))
                for id_ in write.ids:
                    for key, value in write.tags:
                        self.tags[id_].pop(key, None)
                        self.tags[id_] |= {key: value or ""} if write.action is Action.RESTORE else {}
        return Answer(Verdict.DONE, request_id="r", tags={id_: dict(self.tags[id_]) for id_ in made.ids})


def test_an_accepted_write_is_removed_when_a_read_confirms_it_and_not_before() -> None:
    cloud = SlowCloud({"i-1": {"env": "prod"}}, after=2)
    bench = Bench(cloud.answer, reads_first=True)
    (job,) = bench.run(request())
    ((*_, result),) = job.rows()
    assert result == Result(Outcome.REMOVED, request_id="w").seen("prod")
    times = [call.at for call in bench.provider.calls]
    assert [call.kind for call in bench.provider.calls] == ["read", "write", "read", "read"]
    assert times[2] - times[1] >= CONFIRM_SECONDS
    assert times[3] - times[2] >= 2 * CONFIRM_SECONDS


def test_an_accepted_restore_is_restored_when_a_read_confirms_it() -> None:
    cloud = SlowCloud({"i-1": {}}, after=2)
    (job,) = Bench(cloud.answer, reads_first=True).run(request(action="restore"))
    assert rows(job) == [("restored", None)]
    assert cloud.tags == {"i-1": {"env": "prod"}}


def test_the_pause_is_as_long_as_the_answer_says() -> None:
    cloud = SlowCloud({"i-1": {"env": "prod"}}, retry_after=12.0)
    bench = Bench(cloud.answer, reads_first=True)
    (job,) = bench.run(request())
    assert told(job) == {("i-1", "env"): "removed"}
    assert bench.provider.calls[2].at - bench.provider.calls[1].at == pytest.approx(12.0)


def test_an_accepted_write_that_no_read_confirms_is_deferred_with_the_value_that_stood_there() -> None:
    cloud = SlowCloud({"i-1": {"env": "prod"}}, after=None)
    bench = Bench(cloud.answer, reads_first=True)
    (job,) = bench.run(request())
    (deferral,) = deferrals(job)
    assert (deferral.code, deferral.counted, deferral.lost) == ("not_confirmed", True, True)
    assert len(bench.provider.made("read")) == 1 + CONFIRMATIONS
    (left,) = remainder(job, lambda: 0.0).bodies
    assert left["tags"] == [{"key": "env", "value": "prod", "was": "prod"}]
    cloud.after = 0
    cloud.waiting.clear()
    cloud.tags["i-1"].clear()  # it was carried out in the end
    (again,) = bench.run(left)
    assert rows(again) == [("absent", "prod")]


@pytest.mark.parametrize(("seconds", "retry_after"), [(12.0, 0.0), (120.0, 900.0)])
def test_an_accepted_write_is_left_for_later_where_its_pause_is_longer_than_an_invocation_waits(
    seconds: float, retry_after: float
) -> None:
    cloud = SlowCloud({"i-1": {"env": "prod"}}, retry_after=retry_after)
    bench = Bench(cloud.answer, reads_first=True, seconds=seconds, reserve=10.0)
    (job,) = bench.run(request())
    (deferral,) = deferrals(job)
    assert deferral.code == "not_confirmed"
    assert deferral.delay == max(retry_after, CONFIRM_SECONDS)
    assert len(bench.provider.made("read")) == 1


def test_while_accepted_writes_are_waited_for_others_are_made() -> None:
    cloud = SlowCloud({f"i-{n}": {"env": "prod"} for n in range(40)})
    bench = Bench(cloud.answer, reads_first=True, resources=1, concurrency=2)
    (job,) = bench.run(request(resources=[{"type": "vm", "ids": [f"i-{n}" for n in range(40)]}]))
    assert set(told(job).values()) == {"removed"}
    assert bench.clock.seconds - bench.provider.calls[0].at < 2 * CONFIRM_SECONDS


def test_what_cannot_be_read_back_after_it_was_accepted_is_unconfirmed_and_never_removed() -> None:
    cloud = SlowCloud({"i-1": {"env": "prod"}})

    def answer(made: Made) -> Answer:
        return Answer(Verdict.FORBIDDEN) if made.kind == "read" and cloud.waiting else cloud.answer(made)

    (job,) = Bench(answer, reads_first=True).run(request())
    assert rows(job) == [("unconfirmed", "prod")]


def test_a_resource_that_a_read_back_leaves_out_is_not_confirmed() -> None:
    cloud = SlowCloud({"i-1": {"env": "prod"}})

    def answer(made: Made) -> Answer:
        return Answer(Verdict.DONE, tags={}) if made.kind == "read" and cloud.waiting else cloud.answer(made)

    (job,) = Bench(answer, reads_first=True).run(request())
    assert [one.code for one in deferrals(job)] == ["not_confirmed"]


def test_of_an_accepted_call_each_pair_is_settled_when_it_is_confirmed() -> None:
    there = {"i-1": {"env": "prod", "team": "a"}}
    taken: list[str] = []

    def answer(made: Made) -> Answer:
        if made.kind == "write":
            taken.append("env")
            return Answer(Verdict.ACCEPTED)
        now = {key: value for key, value in there["i-1"].items() if key not in taken}
        return Answer(Verdict.DONE, tags={"i-1": now})

    tags = [{"key": "env"}, {"key": "team"}]
    bench = Bench(answer, reads_first=True)
    (job,) = bench.run(request(tags=tags))
    assert told(job) == {("i-1", "env"): "removed", ("i-1", "team"): "deferred:not_confirmed"}
    assert bench.provider.made("write")[0].tags == (Tag("env", "prod"), Tag("team", "a"))
