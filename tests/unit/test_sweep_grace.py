"""A rule with a grace: what it finds is announced, kept, and goes later if it still matches."""

import json
import random
from datetime import UTC, datetime

import pytest
from support import problems_of
from sweep_support import JD, NOW, RMS, SWEEPS, TMS, Broom, many, reports

from untag.contracts import InvalidInputError
from untag.sweep.state import read_sweep

ARN = "arn:aws:scheduler:eu-west-1:123456789012:schedule/default/untag-sweep"
SCHEDULER = {
    "UNTAG_SCHEDULE_GROUP": "untag-kept",
    "UNTAG_SCHEDULE_ROLE_ARN": "arn:aws:iam::123456789012:role/untag-kept",
}
DAY = 86400
RULE = {**JD, "grace": "7d"}


class Nights:
    """A schedule that sweeps each night, and the Scheduler's clock."""

    def __init__(self, broom, *rules):
        self.broom = broom
        self.schedule(*rules)

    def schedule(self, *rules, **fields):
        """The schedule as a deployment leaves it."""
        body = {"id": "<aws.scheduler.execution-id>", "dry_run": False, "rules": list(rules)}
        schedule = {"State": "ENABLED", "Target": {"Input": json.dumps({**body, **fields})}}
        self.broom.aws.schedules["untag-sweep"] = schedule
        self.rules = list(rules)

    def kept(self):
        """What is kept: by its name the time and what is sent then."""
        return {
            name: (when(one["ScheduleExpression"]), json.loads(one["Target"]["Input"]))
            for name, one in self.broom.aws.schedules.items()
            if name.startswith("sweep-")
        }

    def pairs(self):
        """The pairs that are kept, each as often as it is."""
        dues = [body["due"]["tags"] for _, body in self.kept().values()]
        return sorted((id_, *tag) for tags in dues for id_, named in tags.items() for tag in named.items())

    def sweep(self, night, **fields):
        """What the schedule sends in a night, carried out to its end with all that it asks for."""
        self.broom.clock.seconds = max(self.broom.clock.seconds, night * DAY)
        body = {"id": f"night-{night}", "source": ARN, "rules": self.rules, **fields}
        notice = self.run(json.dumps(body))
        self.broom.remove()
        return notice

    def until(self, day):
        """Fire what is due until a time, in days."""
        notices = []
        while due := [(at, name, body) for name, (at, body) in self.kept().items() if at <= NOW + day * DAY]:
            at, name, body = min(due, key=lambda one: one[:2])
            self.broom.clock.seconds = max(self.broom.clock.seconds, at - NOW)
            del self.broom.aws.schedules[name]
            notices.append(self.run(json.dumps(body)))
            self.broom.remove()
        self.broom.clock.seconds = max(self.broom.clock.seconds, day * DAY)
        return notices

    def run(self, body):
        queue, before = self.broom.aws.queues[SWEEPS], len(self.broom.aws.reports)
        assert self.broom.invoke(body) == []
        while queue:
            message = queue.pop()
            self.broom.clock.seconds += message.get("DelaySeconds", 0)
            assert self.broom.invoke(message["MessageBody"]) == []
        notices = [one for one in self.broom.aws.reports[before:] if one["kind"] == "sweep"]
        return notices[0] if notices else None


def when(expression):
    return datetime.strptime(expression, "at(%Y-%m-%dT%H:%M:%S)").replace(tzinfo=UTC).timestamp()


def tags(broom, id_):
    return broom.jd.tags.get("default", "cn-north-1", "vm", id_)


@pytest.fixture
def broom():
    """In a stack that keeps tags until their grace is over."""
    with Broom(environ=SCHEDULER) as made:
        yield made


def test_what_is_found_is_announced_and_kept_and_nothing_is_removed(broom):
    broom.put(broom.jd, {"i-1": {"tmp": "a", "owner": "li"}, "i-2": {"tmp": "b"}})
    nights = Nights(broom, RULE)
    notice = nights.sweep(0)
    assert tags(broom, "i-1") == {"tmp": "a", "owner": "li"}
    rows = [(row["resource_id"], row["key"], row["outcome"]) for one in reports(broom) for row in one["outcomes"]]
    assert sorted(rows) == [("i-1", "tmp", "would_remove"), ("i-2", "tmp", "would_remove")]
    assert {one["reason"] for one in reports(broom)} == {
        "sweep night-0, rule jd: goes at 2026-09-28T15:00:00.000Z if it still matches"
    }
    assert {one["batch"] for one in reports(broom)} == {"night-0"}
    assert notice["counts"] == {"announced": 2, "kept": 2, "matched": 2, "requests": 2, "seen": 2}
    assert notice["details"][0]["going"] == {"2026-09-28T15:00:00.000Z": 2}
    assert notice["summary"] == (
        "sweep: 1 rule, 0 tags on 2 resources are asked to be removed; 2 tags to go from 2026-09-28T15:00:00.000Z on"
    )
    ((_, schedule),) = [one for one in broom.aws.schedules.items() if one[0].startswith("sweep-")]
    assert schedule["Target"]["Arn"] == "arn:aws:sqs:eu-west-1:123456789012:sweep"
    assert schedule["ActionAfterCompletion"] == "DELETE"


def test_after_the_grace_what_still_matches_goes_in_the_batch_that_announced_it(broom):
    broom.put(broom.jd, {"i-1": {"tmp": "a", "owner": "li"}})
    nights = Nights(broom, RULE)
    nights.sweep(0)
    assert nights.until(6.9) == []
    (notice,) = nights.until(8)
    assert tags(broom, "i-1") == {"owner": "li"}
    assert (reports(broom)[-1]["counts"], reports(broom)[-1]["batch"]) == ({"removed": 1}, "night-0")
    assert (notice["batch"], notice["counts"]) == (
        "night-0",
        {"dropped": 0, "matched": 1, "pairs": 1, "requests": 1, "seen": 1},
    )
    assert nights.kept() == {}


def test_each_night_keeps_only_what_is_new_and_moves_no_date(broom):
    nights = Nights(broom, RULE)
    broom.put(broom.jd, {"i-1": {"tmp": "a"}})
    nights.sweep(0)
    first = nights.kept()
    broom.aws.reports.clear()
    notice = nights.sweep(1)
    assert nights.kept() == first
    assert reports(broom) == []
    assert notice["counts"] == {"kept": 1, "matched": 1, "seen": 1}
    assert notice["details"][0]["going"] == {"2026-09-28T15:00:00.000Z": 1}
    broom.put(broom.jd, {"i-0": {"tmp": "a"}, "i-2": {"tmp": "a"}})
    notice = nights.sweep(2)
    assert nights.pairs() == [("i-0", "tmp", "a"), ("i-1", "tmp", "a"), ("i-2", "tmp", "a")]
    assert notice["details"][0]["going"] == {"2026-09-28T15:00:00.000Z": 1, "2026-09-30T15:00:00.000Z": 2}
    nights.until(8)
    assert [tags(broom, f"i-{n}") for n in range(3)] == [{"tmp": "a"}, {}, {"tmp": "a"}]
    nights.until(10)
    assert [tags(broom, f"i-{n}") for n in range(3)] == [{}, {}, {}]


def test_a_value_that_was_changed_meanwhile_is_announced_anew_and_goes_after_a_grace_of_its_own(broom):
    broom.put(broom.jd, {"i-1": {"tmp": "a"}})
    nights = Nights(broom, RULE)
    nights.sweep(0)
    broom.put(broom.jd, {"i-1": {"tmp": "b"}})
    nights.sweep(3)
    (notice,) = nights.until(8)
    assert tags(broom, "i-1") == {"tmp": "b"}
    assert notice["counts"]["dropped"] == 1
    assert notice["summary"].endswith("; 1 kept tag not asked for")
    nights.until(11)
    assert tags(broom, "i-1") == {}


def test_a_resource_that_no_longer_matches_keeps_the_tags_that_were_to_go_with_it(broom):
    rule = {**RULE, "match": {"key": "state", "value": "old"}, "remove": ["owner"]}
    broom.put(broom.jd, {"i-1": {"state": "old", "owner": "li"}, "i-2": {"state": "old", "owner": "li"}})
    nights = Nights(broom, rule)
    nights.sweep(0)
    broom.put(broom.jd, {"i-1": {"state": "used again", "owner": "li"}})
    nights.until(8)
    assert tags(broom, "i-1") == {"state": "used again", "owner": "li"}
    assert tags(broom, "i-2") == {"state": "old"}


@pytest.mark.parametrize(
    "rules",
    [[], [{**RULE, "name": "other"}], [{**RULE, "match": {"key": "else"}}], [{**RULE, "types": ["disk"]}]],
    ids=["deleted", "renamed", "matches otherwise", "looks elsewhere"],
)
def test_a_rule_that_was_changed_or_deleted_meanwhile_removes_nothing_that_it_does_not_name_now(broom, rules):
    broom.put(broom.jd, {"i-1": {"tmp": "a"}})
    nights = Nights(broom, RULE)
    nights.sweep(0)
    nights.schedule(*rules)
    (notice,) = nights.until(8)
    assert tags(broom, "i-1") == {"tmp": "a"}
    assert notice["counts"]["dropped"] == 1


def test_a_schedule_that_is_turned_off_or_gone_removes_nothing(broom):
    broom.put(broom.jd, {"i-1": {"tmp": "a"}})
    for off in (lambda: broom.aws.schedules["untag-sweep"].update(State="DISABLED"), broom.aws.schedules.clear):
        nights = Nights(broom, RULE)
        nights.sweep(broom.clock.seconds / DAY)
        kept = nights.kept()
        off()
        broom.aws.schedules.update(
            {
                name: {
                    "ScheduleExpression": f"at({datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S})",
                    "Target": {"Input": json.dumps(body)},
                }
                for name, (at, body) in kept.items()
            }
        )
        (notice,) = nights.until(broom.clock.seconds / DAY + 8)
        assert (notice["status"], notice["code"]) == ("skipped", "no_rules")
        assert notice["reason"] == "rule jd is gone, looks elsewhere or has a longer grace by now: what it kept stays"
        assert tags(broom, "i-1") == {"tmp": "a"}


def test_a_schedule_that_runs_dry_by_then_only_reports(broom):
    broom.put(broom.jd, {"i-1": {"tmp": "a"}})
    nights = Nights(broom, RULE)
    nights.sweep(0)
    nights.schedule(RULE, dry_run=True)
    nights.until(8)
    assert tags(broom, "i-1") == {"tmp": "a"}
    assert reports(broom)[-1]["counts"] == {"would_remove": 1}


def test_a_grace_that_was_made_longer_begins_anew_with_the_next_sweep(broom):
    broom.put(broom.jd, {"i-1": {"tmp": "a"}})
    nights = Nights(broom, RULE)
    nights.sweep(0)
    nights.schedule({**RULE, "grace": "10d"})
    (notice,) = nights.until(8)
    assert (notice["code"], tags(broom, "i-1")) == ("no_rules", {"tmp": "a"})
    nights.sweep(8)
    assert nights.until(17.9) == []
    nights.until(18.1)
    assert tags(broom, "i-1") == {}


def test_what_comes_before_its_grace_is_over_removes_nothing(broom):
    broom.put(broom.jd, {"i-1": {"tmp": "a"}})
    nights = Nights(broom, RULE)
    nights.sweep(0)
    ((_, (_, body)),) = nights.kept().items()
    assert nights.run(json.dumps(body))["counts"] == {"dropped": 1}
    assert tags(broom, "i-1") == {"tmp": "a"}


def test_a_sweep_that_brings_its_rules_with_it_keeps_the_rule(broom):
    broom.put(broom.jd, {"i-1": {"tmp": "a", "more": "x"}})
    rule = {**RULE, "match": {"key": {"glob": "TM?", "ignore_case": True}}, "remove": {"except": ["more"]}, "limit": 5}
    nights = Nights(broom)
    nights.run(json.dumps({"id": "by-hand", "rules": [rule]}))
    nights.until(8)
    assert tags(broom, "i-1") == {"more": "x"}


def test_a_sweep_that_comes_twice_keeps_nothing_twice_and_what_is_due_twice_asks_for_nothing_new(broom):
    broom.put(broom.jd, many(5, tmp="a"))
    nights = Nights(broom, RULE)
    body = json.dumps({"id": "night-0", "source": ARN, "rules": [RULE]})
    nights.run(body)
    nights.run(body)
    assert len(nights.kept()) == 1
    ((_, (_, due)),) = nights.kept().items()
    broom.clock.seconds = 8 * DAY
    broom.aws.queues["https://sqs.eu-west-1.amazonaws.com/123456789012/work"].clear()
    nights.run(json.dumps(due))
    nights.run(json.dumps(due))
    assert len(broom.requests()) == 2
    assert len({one["id"] for one in broom.requests()}) == 1


def test_a_schedule_that_is_not_taken_brings_the_sweep_again_and_what_was_taken_stays_kept_once(broom):
    broom.put(broom.jd, many(5, tmp="a"))
    nights = Nights(broom, RULE)
    body = json.dumps({"id": "night-0", "source": ARN, "rules": [RULE]})
    broom.aws.trouble = lambda _, operation, __: 500 if operation == "CreateSchedule" else None
    assert broom.invoke(body) == ["m-1"]
    broom.aws.trouble = lambda *_: None
    nights.run(body)
    assert len(nights.pairs()) == 5


def test_a_dry_run_keeps_nothing(broom):
    broom.put(broom.jd, {"i-1": {"tmp": "a"}})
    nights = Nights(broom, RULE)
    notice = nights.sweep(0, dry_run=True)
    assert nights.kept() == {}
    assert notice["counts"]["pairs"] == 1


def test_what_is_too_much_for_one_schedule_is_kept_in_parts(broom):
    broom.put(broom.jd, {f"r-{n:06d}-{'x' * 100}": {"tmp": "v" * 60} for n in range(1900)})
    nights = Nights(broom, RULE)
    nights.sweep(0)
    inputs = [one["Target"]["Input"] for name, one in broom.aws.schedules.items() if name.startswith("sweep-")]
    assert len(inputs) > 1
    assert max(len(text.encode()) for text in inputs) <= 256_000
    assert len(nights.pairs()) == len(set(nights.pairs())) == 1900
    nights.until(8)
    assert not any(tags(broom, f"r-{n:06d}-{'x' * 100}") for n in range(1900))


@pytest.mark.parametrize(("rule", "cloud"), [(TMS, "tms"), (RMS, "config")], ids=["tms", "rms"])
def test_a_cloud_that_pages_keeps_and_removes_alike(broom, rule, cloud):
    server = getattr(broom, cloud)
    broom.put(server, many(450, tmp="a"))
    nights = Nights(broom, {**rule, "grace": "36h"})
    nights.sweep(0)
    nights.sweep(1)
    assert len(nights.pairs()) == len(set(nights.pairs())) == 450
    nights.until(2)
    assert broom.asked() == set()
    assert sum(report["counts"].get("removed", 0) for report in reports(broom)) == 450


def test_a_grace_needs_a_place_to_keep_tags_in():
    with Broom() as broom:
        assert broom.invoke({"id": "s", "rules": [RULE]}) == []
        (rejected,) = broom.aws.reports
        assert rejected["errors"] == [
            {"path": "rules.0.grace", "message": "nothing here keeps tags until a grace is over"}
        ]


@pytest.mark.parametrize("grace", ["7", "0d", "100d", "1000h", "7 d", "30m", 7, "1d12h"])
def test_a_grace_is_hours_or_days(grace):
    with pytest.raises(InvalidInputError) as caught:
        read_sweep({"rules": [{**JD, "grace": grace}]}, "own")
    assert list(problems_of(caught)) == ["rules.0.grace"]


@pytest.mark.parametrize("seed", range(4))
def test_no_pair_goes_before_its_grace_is_over_and_none_is_kept_twice(seed):
    """Nights in which tags come, change and go at random, against an account of when each was first announced."""
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    ids = [f"i-{number}" for number in range(12)]
    announced: dict[tuple[str, str, str], int] = {}
    removed = 0
    with Broom(environ=SCHEDULER) as broom:
        nights = Nights(broom, {**RULE, "grace": "3d"})
        for night in range(12):
            for id_ in chance.sample(ids, 4):
                broom.put(broom.jd, {id_: {"tmp": value} if (value := chance.choice(["a", "b", ""])) else {}})
            there = {(id_, "tmp", found["tmp"]) for id_ in ids if (found := tags(broom, id_))}
            nights.sweep(night)
            announced |= dict.fromkeys(there - announced.keys(), night)
            assert all(tags(broom, id_) == {key: value} for id_, key, value in there)
            assert nights.pairs() == sorted(announced)  # each once, from when it was announced until it goes
            nights.until(night + 0.9)
            kept = set(nights.pairs())
            gone = {pair: since for pair, since in announced.items() if pair not in kept}
            assert all(night + 0.9 >= since + 3 for since in gone.values())
            assert all(bool(tags(broom, pair[0])) is (pair not in gone) for pair in there)
            announced = {pair: since for pair, since in announced.items() if pair in kept}
            removed += len(gone.keys() & there)
    assert removed > 5


@pytest.mark.parametrize("sent", ["{}", "[]", '{"id": "chg-1", "provider": "jdcloud"}'])
def test_a_schedule_that_sends_no_rules_is_refused_with_its_name(broom, sent):
    broom.aws.schedules["untag-sweep"] = {"State": "ENABLED", "Target": {"Input": sent}}
    assert broom.invoke({"id": "s-1", "rules": ARN}) == []
    (rejection,) = broom.aws.reports
    assert rejection["kind"] == "rejected"
    assert rejection["errors"] == [{"path": "rules", "message": f"{ARN}: sends no rules"}]


def test_a_schedule_that_does_not_say_whether_it_is_a_dry_run_is_none(broom):
    broom.aws.schedules["untag-sweep"] = {"State": "ENABLED", "Target": {"Input": json.dumps({"rules": [JD]})}}
    assert broom.invoke({"id": "s-1", "rules": ARN}) == []
    (notice,) = [one for one in broom.aws.reports if one["kind"] == "sweep"]
    assert notice["dry_run"] is False
