"""Real clouds on request. Local clouds stand in for them, named by the endpoint variables as a real host would be."""

import http.client
import json
import os
import time

import pytest
from processes import at_terminal, run, up

from local.errors import LocalError
from local.providers import SERVERS, environment
from local.session import real
from local.stack import ROOT
from untag.providers import NAMES, apis_of

EVENT = ROOT / "events" / "jdcloud_manual.json"  # 3 resources times 2 tags
TMS_EVENT = ROOT / "events" / "huaweicloud_tms_manual.json"
CREDENTIALS = {variable for name in NAMES for variable in apis_of(name)[0].credentials.variables.values()}


@pytest.fixture(scope="module")
def clouds():
    servers = {name: server() for name, server in SERVERS.items()}
    for server in servers.values():
        server.start()
        server.seed()
    yield servers
    for server in servers.values():
        server.stop()


@pytest.fixture(scope="module")
def shell(clouds):
    """A shell's environment with the stand-ins' endpoints and keys."""
    bare = {name: value for name, value in os.environ.items() if name not in CREDENTIALS}
    return bare | environment(clouds.values())


@pytest.fixture(autouse=True)
def _forget_calls(clouds):
    for server in clouds.values():
        server.calls.clear()


@pytest.fixture(scope="module")
def dry(tmp_path_factory, shell):
    session = tmp_path_factory.mktemp("dry") / "session.json"
    with up(session, "--real", "--batching-window", "0.1", env=shell) as described:
        assert described["real"]["dry_run"] is True
        yield session


@pytest.fixture(scope="module")
def wet(tmp_path_factory, shell):
    session = tmp_path_factory.mktemp("wet") / "session.json"
    with up(session, "--real", "--no-dry-run", "--batching-window", "0.1", env=shell) as described:
        assert described["real"]["dry_run"] is False
        yield session


def calls(clouds):
    return [call for server in clouds.values() for call in server.calls]


def reports(session):
    return json.loads(run("state", "--session", session, "--json").stdout)["reports"]


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        (["send", EVENT], "nobody to ask"),
        (["send", EVENT, "--yes"], "--yes without --expect"),
        (["send", EVENT, "--yes", "--expect", "5"], "it asks for 6 pairs, and --expect says 5"),
        (["send", EVENT, "--expect", "6"], "nobody to ask"),
        (["invoke", "RemoveTagsFunction", EVENT], "nobody to ask"),
        (["invoke", "RemoveTagsFunction", EVENT, "--yes", "--expect", "7"], "asks for 6 pairs"),
        (["fire", "SweepSchedule"], "nobody can say beforehand"),
        (["send", ROOT / "events" / "sweep_jdcloud.json"], "nobody can say beforehand"),
        (["send", ROOT / "events" / "decommission_jdcloud.json"], "nobody can say beforehand"),
        (["send", ROOT / "events" / "jdcloud_invalid.json", "--yes", "--expect", "1"], "no valid removal request"),
    ],
    ids=lambda value: " ".join(getattr(one, "name", str(one)) for one in value) if isinstance(value, list) else "",
)
def test_without_confirmation_no_request_leaves(wet, clouds, command, complaint):
    answer = run(*command, "--session", wet)
    assert answer.returncode == 2
    assert complaint in " ".join(answer.stderr.split())
    state = json.loads(run("watch", "--once", "--json", "--session", wet).stdout)
    assert [queue["visible"] + queue["in_flight"] for queue in state["queues"]] == [0] * len(state["queues"])
    assert sum(function["invocations"] for function in state["functions"].values()) == 0
    assert calls(clouds) == []


@pytest.mark.parametrize("confirmed", [None, "any", 5, "6", True])
def test_the_stack_itself_refuses_what_is_not_confirmed_with_its_own_count(wet, clouds, confirmed):
    content = json.loads(wet.read_text())
    for what in ("send", "invoke", "fire"):
        body = {"event": EVENT.read_text(), "function": "RemoveTagsFunction", "confirmed": confirmed}
        if what == "send":
            body.pop("function")
        if what == "fire":
            body = {"schedule": "SweepSchedule", "at": None, "confirmed": confirmed}
        connection = http.client.HTTPConnection(content["control"], timeout=10)
        connection.request("POST", f"/{what}", json.dumps(body), {"X-Local-Key": content["key"]})
        answer = connection.getresponse()
        assert answer.status == 409
        assert "nothing was sent" in json.loads(answer.read())["error"]
        connection.close()
    assert calls(clouds) == []


def test_a_dry_run_makes_no_writing_call(dry, clouds):
    before = [server.tags.snapshot() for server in clouds.values()]
    sent = run("send", TMS_EVENT, "--yes", "--expect", "6", "--wait", "20", "--session", dry)
    assert sent.returncode == 0, sent.stderr
    told = [row["outcome"] for one in reports(dry) for row in one["body"]["outcomes"]]
    assert told == ["would_remove"] * 6
    assert calls(clouds)
    assert not [call for call in calls(clouds) if call.writing]
    assert [server.tags.snapshot() for server in clouds.values()] == before


def test_a_dry_run_stays_dry_whatever_the_parameters_say(tmp_path, shell, clouds):
    session = tmp_path / "session.json"
    with up(session, "--real", "--parameter", "DryRun=off", "--batching-window", "0.1", env=shell):
        answer = run("invoke", "RemoveTagsFunction", EVENT, "--yes", "--expect", "6", "--session", session, "--json")
        (report,) = json.loads(answer.stdout)["payload"]["reports"]
    assert report["counts"] == {"would_remove": 6}
    assert not [call for call in calls(clouds) if call.writing]


def test_what_nobody_can_count_is_only_read_and_only_after_somebody_agreed(dry, clouds):
    before = [server.tags.snapshot() for server in clouds.values()]
    event = ROOT / "events" / "sweep_huaweicloud.json"
    with at_terminal("send", event, "--wait", "20", "--session", dry) as terminal:
        terminal.see("nobody can say")
        terminal.see("Send it?")
        assert calls(clouds) == []
        terminal.press("yes\n")
        assert terminal.end() == 0
    assert calls(clouds)
    assert not [call for call in calls(clouds) if call.writing]
    assert [server.tags.snapshot() for server in clouds.values()] == before


def test_somebody_at_a_terminal_is_told_where_it_goes_and_types_the_number_of_pairs(wet, clouds):
    with at_terminal("send", EVENT, "--wait", "20", "--session", wet) as terminal:
        terminal.see("6 pairs of resource and tag")
        for told in ("jdcloud", "default", "cn-north-1", "disk, vm", "Tags will be changed", clouds["jdcloud"].url):
            terminal.see(told)
        terminal.see("Type the number of pairs (6)")
        terminal.press("yes\n")
        assert terminal.end() == 2
        assert "nothing was sent" in terminal.plain
    assert calls(clouds) == []
    with at_terminal("send", EVENT, "--wait", "20", "--session", wet) as terminal:
        terminal.see("Type the number of pairs (6)")
        terminal.press("6\n")
        assert terminal.end() == 0
    assert [row["outcome"] for one in reports(wet) for row in one["body"]["outcomes"]] == ["removed"] * 6
    assert sum(call.applied for call in calls(clouds)) == 6


def test_ctrl_c_at_the_question_sends_nothing(wet, clouds):
    with at_terminal("send", EVENT, "--session", wet) as terminal:
        terminal.see("Type the number")
        terminal.press("\x03")
        assert terminal.end() == 130
    assert calls(clouds) == []


def test_what_real_clouds_still_owe_when_the_stack_ends_is_said(tmp_path, shell, clouds):
    session = tmp_path / "session.json"
    rule = clouds["huaweicloud-tms"].faults.add("unavailable")
    try:
        with up(session, "--real", "--batching-window", "0.1", env=shell) as described:
            run("send", TMS_EVENT, "--yes", "--expect", "6", "--session", session)
            told = ""
            while '"deferred"' not in told:
                told = run("watch", "--once", "--json", "--session", session).stdout
    finally:
        clouds["huaweicloud-tms"].faults.remove(rule)
    assert "messages that end with this stack: 1 on WorkQueue" in described["errors"]


def test_a_watcher_sees_the_calls_that_functions_make_to_real_clouds(dry):
    run("send", TMS_EVENT, "--yes", "--expect", "6", "--wait", "20", "--session", dry)
    end = time.monotonic() + 10
    seen = {"providers": {}}
    while "huaweicloud" not in seen["providers"] and time.monotonic() < end:  # the log comes a moment after the answer
        seen = json.loads(run("watch", "--once", "--json", "--session", dry).stdout)
    assert seen["providers"]["huaweicloud"]["calls"] > 0
    assert seen["outcomes"]["would_remove"] >= 6
    assert any("would be removed" in entry["line"] for entry in seen["logs"])


def test_no_key_is_in_the_session_file_or_in_what_is_said_of_the_stack(wet, clouds):
    told = (
        wet.read_text()
        + run("state", "--session", wet, "--json").stdout
        + run("watch", "--once", "--json", "--session", wet).stdout
    )
    for server in clouds.values():
        masked = apis_of(server.provider)[0].credentials.secrets
        for secret in server.secrets.values():
            held = masked & secret.keys()
            assert held
            for field in held:
                assert secret[field] not in told


def test_a_real_cloud_does_not_misbehave_on_order(wet):
    assert "real clouds" in run("faults", "on", "throttle", "--session", wet).stderr


def test_expect_holds_at_local_clouds_too(tmp_path):
    session = tmp_path / "session.json"
    with up(session, "--batching-window", "0.1"):
        wrong = run("send", EVENT, "--expect", "5", "--session", session, "--json")
        assert (wrong.returncode, json.loads(wrong.stdout)["error"].count("6 pairs")) == (2, 1)
        assert run("send", EVENT, "--expect", "6", "--session", session).returncode == 0


@pytest.mark.parametrize(
    ("options", "env", "complaint"),
    [
        (["--real"], {}, "JDCLOUD_ACCESS_KEY and JDCLOUD_SECRET_KEY"),
        (["--real", "--env", "UNTAG_DRY_RUN=off"], {"JDCLOUD_ACCESS_KEY": "a", "JDCLOUD_SECRET_KEY": "b"}, "itself"),
        (
            ["--real"],
            {"JDCLOUD_ACCESS_KEY": "a", "JDCLOUD_SECRET_KEY": "b", "UNTAG_ENDPOINTS": "jdcloud.resourcetag=ftp://x"},
            "UNTAG_ENDPOINTS",
        ),
        (["--no-dry-run"], {}, "add --real"),
    ],
)
def test_a_stack_that_could_call_nothing_or_too_much_does_not_start(tmp_path, options, env, complaint):
    bare = {name: value for name, value in os.environ.items() if name not in CREDENTIALS}
    answer = run("up", *options, "--session", tmp_path / "s.json", env=bare | env)
    assert answer.returncode == 2
    assert complaint in " ".join(answer.stderr.split())


KEYS = {"JDCLOUD_ACCESS_KEY": "ak", "JDCLOUD_SECRET_KEY": "sk"}


def request(**changes):
    return {
        "provider": "jdcloud",
        "region": "cn-north-1",
        "resources": [{"type": "vm", "ids": ["i-1", "i-2", "i-1"]}],
        "tags": [{"key": "env", "value": "prod"}],
        **changes,
    }


def test_a_plan_counts_each_pair_once_and_tells_the_places_apart():
    found = real.plan([request(), request(region="cn-east-2", dry_run=True), request(account="other")])
    assert found.pairs == 6
    assert {(place.account, place.region, place.dry_run, place.pairs) for place in found.places} == {
        ("default", "cn-north-1", False, 2),
        ("default", "cn-east-2", True, 2),
        ("other", "cn-north-1", False, 2),
    }


@pytest.mark.parametrize("name", ["jdcloud_eventbridge", "jdcloud_sqs_batch", "huaweicloud_tms_sqs_batch"])
def test_a_plan_counts_what_is_in_every_envelope(name):
    from local.audit import Audit
    from local.aws.routing import BusEvent, route

    text = (ROOT / "events" / f"{name}.json").read_text()
    account = Audit()
    for item in route(text):
        account.ask(
            json.dumps({"detail": json.loads(item.entry["Detail"])}) if isinstance(item, BusEvent) else item.body
        )
    assert real.plan(text).pairs == sum(len(asked.pairs) for asked in account.requested.values())


@pytest.mark.parametrize(
    ("event", "complaint"),
    [(request(account="other"), "account other"), (request(provider="huaweicloud"), "HUAWEICLOUD_SDK_AK")],
)
def test_what_there_are_no_keys_for_is_not_sent(event, complaint):
    clouds = real.RealClouds(KEYS, dry_run=True)
    with pytest.raises(LocalError) as raised:
        clouds.check_plan(real.plan(event))
    assert complaint in f"{raised.value} {raised.value.hint}"


def test_the_functions_get_keys_and_endpoints_of_the_shell_and_no_other_variable():
    shell = KEYS | {
        "UNTAG_ENDPOINTS": "jdcloud.resourcetag=https://resource-tag.jdcloud-api.com",
        "UNTAG_QUEUE_URL": "https://sqs.example/1/real",
        "UNTAG_TOPIC_ARN": "arn",
        "AWS_ACCESS_KEY_ID": "real",
        "UNTAG_MAX_PAIRS": "9",
    }
    assert real.RealClouds(shell, dry_run=True).variables == KEYS | {
        "UNTAG_ENDPOINTS": "jdcloud.resourcetag=https://resource-tag.jdcloud-api.com",
        "UNTAG_CREDENTIALS": "env",
        "UNTAG_DRY_RUN": "on",
    }
