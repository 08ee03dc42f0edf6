"""How the functions call the host's own services: again, in parts, and not for ever."""

import json

import pytest
from platform_support import NOW, Platform, event, request, stored

from local.providers import Fault
from untag.contracts.rejections import InvocationError
from untag.hosts.base import Record
from untag.hosts.functiongraph.queues import Key


@pytest.fixture
def tagged(platform: Platform) -> Platform:
    platform.tag(250, env="prod")
    return platform


@pytest.mark.parametrize("kind", ["unavailable", "throttle", "reset", "not_json"])
def test_a_call_that_fails_in_passing_is_made_again(tagged: Platform, kind: str) -> None:
    for service in (tagged.obs, tagged.smn):
        service.faults.add(Fault(kind, times=1, status=503 if kind == "not_json" else None))
    assert tagged.send(request()) == {"records": 1, "failures": 0}
    assert [report["counts"] for report in tagged.reports] == [{"removed": 1}]


def test_an_answer_of_success_that_is_no_json_is_no_success(tagged: Platform) -> None:
    tagged.smn.faults.add(Fault("not_json", status=200))
    assert tagged.send(request()) == {"records": 1, "failures": 1}


def test_what_is_refused_for_good_is_asked_once(tagged: Platform) -> None:
    tagged.smn.faults.add(Fault("forbidden"))
    assert tagged.send(request()) == {"records": 1, "failures": 1}
    assert len(list(tagged.smn.calls)) == 1


def test_no_call_starts_when_the_time_is_over(tagged: Platform) -> None:
    tagged.seconds = 0.1
    bell = {"untag": 1, "keys": [f"work/{int(NOW) + 120}-0-m"]}
    assert tagged.invoke("remove", bell) == {"records": 0, "failures": 0}
    assert list(tagged.obs.calls) == []


def test_a_trigger_whose_message_cannot_be_put_on_the_queue_fails_so_that_it_is_repeated(tagged: Platform) -> None:
    tagged.obs.faults.add(Fault("forbidden"))
    with pytest.raises(Exception, match="obs PUT: AccessDenied"):
        tagged.send(request())
    assert list(tagged.jdcloud.calls) == []


def test_many_requests_are_rung_for_a_hundred_at_a_time(tagged: Platform) -> None:
    rule = {"name": "all", "provider": "jdcloud", "regions": ["cn-north-1"], "types": ["vm"], "match": {"key": "env"}}
    tagged.variables["UNTAG_MAX_PAIRS"] = "1"
    tagged.invoke("sweep", event("timer") | {"user_event": json.dumps({"rules": [rule]})})
    bells = [json.loads(bell.body)["keys"] for bell in tagged.functions.bells]
    assert sorted(map(len, bells)) == [50, 100, 100]
    assert len({key for bell in bells for key in bell}) == 250
    tagged.ring()
    assert tagged.queued() == []


def test_a_minute_rings_sixty_bells_for_one_message_each_and_the_rest_stays_due(tagged: Platform) -> None:
    for number in range(70):
        tagged.bucket.put(f"work/{int(NOW)}-3-m{number:02}", stored(request(1 + number)))
    assert tagged.invoke("due", event("timer"))["work"]["bells"] == 60
    assert [len(json.loads(bell.body)["keys"]) for bell in tagged.functions.bells] == [1] * 60
    assert len([key for key in tagged.queued() if Key.read(key).due <= NOW]) == 10


def test_what_was_begun_once_shares_a_bell_with_nine_others(tagged: Platform) -> None:
    for number in range(25):
        tagged.bucket.put(f"work/{int(NOW)}-{number % 2}-m{number:02}", stored(request(1 + number)))
    tagged.invoke("due", event("timer"))
    bells = [json.loads(bell.body)["keys"] for bell in tagged.functions.bells]
    assert sorted((Key.read(keys[0]).receives, len(keys)) for keys in bells) == [(0, 13), (1, 2), (1, 10)]
    assert all(len({Key.read(key).receives for key in keys}) == 1 for keys in bells)


def test_more_objects_than_a_page_holds_are_all_seen(tagged: Platform) -> None:
    for number in range(1200):
        tagged.bucket.put(f"dead/work/invalid/{number}", stored({}))
    assert tagged.invoke("due", event("timer"))["work"]["DeadLetters"] == 1200
    assert tagged.invoke("due", {"untag": 1, "redrive": "work"}) == {"redriven": 0, "left": 1200}


@pytest.mark.parametrize("queue", ["", "dead", None, ["work"]])
def test_a_redrive_of_anything_else_is_refused(tagged: Platform, queue: object) -> None:
    with pytest.raises(InvocationError):
        tagged.invoke("due", {"untag": 1, "redrive": queue})


def test_a_queue_whose_function_is_not_named_waits_and_is_counted(
    tagged: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    del tagged.variables["UNTAG_SWEEP_FUNCTION"]
    tagged.new_process()
    tagged.bucket.put(f"sweep/{int(NOW) - 1000}-0-s", stored({}))
    answer = tagged.invoke("due", event("timer"))
    assert answer["sweep"] == {"Waiting": 1, "OldestAge": 1000, "DeadLetters": 0, "bells": 0, "buried": 0}
    assert "the oldest message is late" in capsys.readouterr().out


def test_a_bell_that_is_refused_is_no_error_and_the_timer_makes_up_for_it(tagged: Platform) -> None:
    tagged.api.faults.add(Fault("forbidden"))
    decommission = {
        "source": "cmdb",
        "detail-type": "Resource Decommissioned",
        "id": "gone-1",
        "detail": {
            "provider": "jdcloud",
            "region": "cn-north-1",
            "resources": [{"type": "vm", "ids": ["i-1"]}],
            "tags": [{"key": "env"}],
        },
    }
    assert tagged.invoke("decommission", decommission)["counts"] == {"requests": 1}
    tagged.api.faults.clear()
    for _ in range(3):
        tagged.minute()
    assert [report["counts"] for report in tagged.reports] == [{"removed": 1}]


def test_a_record_that_was_not_begun_goes_back_at_no_cost(tagged: Platform) -> None:
    host, runtime = tagged.index.process.begin("work", tagged.context())
    key = f"work/{int(NOW) + 180}-4-m"
    tagged.bucket.put(key, stored(request()))
    begun = Record("m", "{}", 4, key, "obs://untag/work")
    gone = begun._replace(id="gone", receipt=f"work/{int(NOW)}-4-gone")
    other = begun._replace(id="other", receipt="dead/work/x")
    assert runtime.run(host.quarantine.put_back([begun, gone, other])) == ["gone", "other"]
    assert tagged.queued() == [f"work/{int(NOW) + 120}-3-m"]
    runtime.run(host.quarantine.delete(begun._replace(receipt=f"work/{int(NOW) + 120}-3-m")))
    assert tagged.bucket.keys() == []


def test_credentials_may_stand_among_the_settings(tagged: Platform) -> None:
    tagged.variables |= {**tagged.jdcloud.environment, "UNTAG_CREDENTIALS": "env", "UNTAG_ENDPOINTS": tagged.endpoints}
    tagged.new_process()
    tagged.send(request())
    assert tagged.reports[-1]["counts"] == {"removed": 1}
    assert list(tagged.csms.calls) == []


def test_what_a_reason_holds_comes_back_from_metadata_as_far_as_there_is_room(tagged: Platform) -> None:
    host, runtime = tagged.index.process.begin("work", tagged.context())
    reason = "标签 50% gone: ü " + "长" * 2000
    runtime.run(host.obs.put("dead/work/x/y", "body", {"reason": reason, "request_id": "r 1", "empty": ""}))
    held = runtime.run(host.obs.get("dead/work/x/y"))
    assert (held.text, held.metadata["request_id"]) == ("body", "r 1")
    assert reason.startswith(held.metadata["reason"])
    assert len(held.metadata["reason"]) > 50
    assert set(held.metadata) == {"reason", "request_id"}


def test_a_message_costs_seven_calls_to_obs_and_an_idle_minute_eight_listings(tagged: Platform) -> None:
    key = f"work/{int(NOW) + 120}-0-m"
    tagged.bucket.put(key, stored(request()))
    tagged.invoke("remove", {"untag": 1, "keys": [key]})
    operations = [call.operation for call in tagged.obs.calls]
    sent = 1  # its sender's PutObject
    assert sent + len(operations) == 7, operations
    before = len(list(tagged.obs.calls))
    tagged.invoke("due", event("timer"))
    assert [call.operation for call in tagged.obs.calls][before:] == ["ListObjects"] * 8


def test_a_queue_that_no_function_works_at_grows_old_and_says_so(
    tagged: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    tagged.api.faults.add("forbidden")
    tagged.lost_bells = True
    tagged.jdcloud.faults.add("unavailable")
    tagged.send(request())
    ages = [tagged.minute()["work"]["OldestAge"] for _ in range(30)]
    said = capsys.readouterr().out
    assert max(ages) > 900
    assert "the oldest message is late" in said
    assert "a bell was not taken" in said
