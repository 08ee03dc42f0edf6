"""The service: one loop, bounded answers, metrics whatever happens, and no secret in a log."""

import asyncio
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from aws_model import QUEUE, down
from bookkeeping import Json
from service_house import ENVIRON, House, huawei_request, jd_request, put, record
from support import errors_of
from trap import Trap

from local.providers import HuaweicloudConfigServer, JdcloudServer
from local.providers.accounts import Account
from untag.contracts import InvalidInputError, Problem
from untag.contracts.rejections import MAX_PROBLEMS, InvocationError
from untag.hosts.aws import LambdaFunction
from untag.hosts.aws.telemetry import logger
from untag.providers import Answer, Scope
from untag.providers.jdcloud.credentials import JDSession
from untag.providers.jdcloud.resourcetag import JDCloud
from untag.removal import Remover
from untag.runtime import Runtime


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    (handler,) = logger.handlers
    assert hasattr(handler, "setStream")
    text = io.StringIO()
    before = handler.setStream(text)
    yield text
    handler.setStream(before)


def lines(text: str) -> list[Json]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def metrics(text: str) -> dict[tuple[str, ...], list[float]]:
    """Metric values by provider, outcome and name, out of EMF lines."""
    return {
        (line.get("provider", ""), line.get("outcome", ""), metric["Name"]): line[metric["Name"]]
        for line in lines(text)
        if "_aws" in line
        for directive in line["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
    }


# What the process keeps.


def test_one_event_loop_one_client_and_one_signer_are_kept_between_invocations() -> None:
    met = []

    class Watching(JDCloud):
        async def read(self, session: JDSession, scope: Scope, ids: tuple[str, ...]) -> Answer:
            met.append((asyncio.get_running_loop(), session.client, session.auth))
            return await super().read(session, scope, ids)

    with House(changed=[Watching]) as house:
        put(house.jd, "i-0", "i-1", "i-2")
        for number in range(3):
            assert house.batch(record(jd_request(f"i-{number}"))) == []
        assert len(met) == 3
        assert len(set(met)) == 1
        assert not met[0][0].is_closed()


def test_what_is_known_of_an_account_is_kept_between_invocations() -> None:
    with House(environ={"JDCLOUD_SECRET_KEY": "wrong-secret"}) as house:
        raw = jd_request(*(f"i-{n}" for n in range(200)))
        assert house.batch(record(raw)) == []
        assert house.batch(record({**raw, "id": "chg-2"}, "m-2")) == []
        assert len(house.jd.calls) == 1
        house.check(raw, {**raw, "id": "chg-2"})
        first, second = house.aws.queues[QUEUE]
        assert first["DelaySeconds"] >= 300
        assert second["DelaySeconds"] >= 299


def test_a_service_that_is_told_something_wrong_names_the_variable_and_not_its_value() -> None:
    with pytest.raises(InvalidInputError, match="UNTAG_MAX_PAIRS") as caught:
        LambdaFunction(Remover, {**ENVIRON, "UNTAG_MAX_PAIRS": "canary-value"})
    assert "canary" not in str(caught.value)


def test_without_a_transport_of_its_own_it_speaks_http_and_uses_no_proxy(
    trap: Trap, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://{trap.address}")
    for variable in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    remover = LambdaFunction(Remover, ENVIRON)
    with JdcloudServer() as server:
        answer = remover.runtime.run(remover.runtime.host.client.get(f"{server.url}/v1/anything"))
        remover.runtime.close()
        assert (answer.http_version, answer.is_error) == ("HTTP/1.1", True)
        assert len(server.calls) == 1
    assert trap.hits == []


# Answers.


def test_an_answer_past_five_megabytes_has_counts_and_report_ids_only() -> None:
    ids = [f"{'x' * 480}-{n}" for n in range(900)]
    tags = {f"k{n}": "v" for n in range(10)}
    with House(environ={"UNTAG_MAX_PAIRS": "100000", "UNTAG_RATE": "100000"}) as large:
        put(large.jd, *ids, tags=tags)
        answer = large.payload(jd_request(*ids, tags=tags, dry_run=True))
        assert len(json.dumps(answer)) < 100_000
        assert [set(report) for report in answer["reports"]] == [{"report_id", "id", "counts", "page"}] * len(
            large.aws.reports
        )
        assert [report["report_id"] for report in answer["reports"]] == [r["report_id"] for r in large.aws.reports]
        assert len(answer["reports"]) > 1
        assert sum(report["counts"]["would_remove"] for report in answer["reports"]) == 9000
        large.check(jd_request(*ids, tags=tags))


def test_an_answer_below_that_has_every_row(house: House) -> None:
    raw = jd_request(*(f"i-{n}" for n in range(20)))
    assert len(house.payload(raw)["reports"][0]["outcomes"]) == 20


def test_a_payload_of_a_million_mistakes_fails_with_the_first_of_them(house: House) -> None:
    raw = jd_request("i-1") | {"tags": [{"key": f"k{n}", "value": ""} for n in range(50_000)]}
    with pytest.raises(InvocationError) as caught:
        house.payload(raw)
    errors = errors_of(caught)
    assert len(errors) == MAX_PROBLEMS + 1
    assert errors[0]["path"] == "tags.0.value"
    assert errors[-1] == Problem("", f"and {50_000 - MAX_PROBLEMS} more")._asdict()
    assert len(str(caught.value)) < 100_000


def test_what_a_sender_writes_for_names_of_fields_makes_no_endless_error(house: House) -> None:
    with pytest.raises(InvocationError) as caught:
        house.payload({**jd_request("i-1"), **{f"{n}{'é' * 50_000}": 1 for n in range(120)}})
    assert len(errors_of(caught)) == MAX_PROBLEMS + 1
    assert len(str(caught.value)) < 100_000


# Metrics.


def test_metrics_tell_calls_outcomes_retries_throttles_and_what_was_rejected(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    house.jd.faults.add("throttle", times=1)
    house.jd.faults.add("partial", ids=["i-1"])
    house.jd.faults.add("unavailable", ids=["i-3"])
    house.batch(
        record(jd_request("i-1", "i-2", id_="a"), "m-1"),
        record(jd_request("i-3", id_="b", tags={"other": "tag"}), "m-2"),
        record("poison", "m-3"),
    )
    found = metrics(capsys.readouterr().out)
    assert found["jdcloud", "", "Calls"] == [len(house.jd.calls)]
    assert len(found["jdcloud", "", "ProviderLatency"]) == len(house.jd.calls)
    assert found["jdcloud", "", "Throttles"] == [1]
    assert found["jdcloud", "", "Retries"][0] >= 3
    assert found["", "", "Rejected"] == [1]
    assert {key[1]: value for key, value in found.items() if key[2] == "Outcomes"} == {
        "removed": [1],
        "failed": [1],
        "deferred": [1],
    }


def test_metrics_are_flushed_once_for_each_invocation(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.batch(record(jd_request("i-1")))
    assert metrics(capsys.readouterr().out)["jdcloud", "", "Calls"] == [2]
    with pytest.raises(InvocationError):
        house.payload([])
    assert metrics(capsys.readouterr().out) == {("", "", "Rejected"): [1]}


class Breaking(Remover):
    """Counts something, and breaks."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self.runtime = runtime

    def batch(self, *_: Any) -> list[str]:
        return self.runtime.run(self.broken())

    async def broken(self) -> list[str]:
        self.runtime.telemetry.retried("jdcloud")
        raise ZeroDivisionError


def test_metrics_are_flushed_even_if_the_invocation_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    with House(work=Breaking) as house, pytest.raises(ZeroDivisionError):
        house.batch(record(jd_request("i-1")))
    assert metrics(capsys.readouterr().out) == {("jdcloud", "", "Retries"): [1]}


def test_a_closed_account_and_an_undelivered_record_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with House(environ={"JDCLOUD_SECRET_KEY": "wrong-secret"}) as house:
        house.aws.trouble = down("sns")
        house.batch(record(jd_request("i-1")))
        found = metrics(capsys.readouterr().out)
        assert found["jdcloud", "", "ClosedAccounts"] == [1]
        assert found["", "", "Undelivered"] == [1]


# Secrets.

AWS_SECRET, JD_SECRET, HUAWEI_SECRET = "canary-aws-secret", "canary-jd-secret", "canary-huawei-secret"
TOKEN = "canary-security-token"
CANARIES = re.compile(r"canary|Signature=|authorization|HMAC-SHA256", re.IGNORECASE)


@pytest.mark.parametrize("refused", [False, True])
@pytest.mark.parametrize("source", ["env", "secretsmanager:untag"])
def test_no_key_token_or_signature_reaches_a_log_a_report_a_letter_or_a_remainder(
    source: str, refused: bool, logs: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    jd = JdcloudServer({"canary-jd-key": Account(JD_SECRET)})
    huawei = HuaweicloudConfigServer({"canary-hw-key": Account(HUAWEI_SECRET, security_token=TOKEN, domain_id="d")})
    environ = {
        "AWS_SECRET_ACCESS_KEY": AWS_SECRET,
        "AWS_SESSION_TOKEN": TOKEN,
        "UNTAG_CREDENTIALS": source,
        "JDCLOUD_SECRET_KEY": JD_SECRET + "-wrong" * refused,
        "HUAWEICLOUD_SDK_SK": HUAWEI_SECRET + "-wrong" * refused,
    }
    with House(jd=jd, huawei=huawei, environ=environ) as house:
        put(jd, "i-1", "i-2", "i-3")
        put(huawei, "pa-1", "pa-2", "pa-3")
        for server in (jd, huawei):
            (secret,) = server.secrets.values()
            secret["secret_key"] += "-wrong" * refused
            house.aws.secrets[f"untag/{server.provider}/default"] = secret
        jd_echo = f"no: POST|/v1/|host:x|canary-jd-key {JD_SECRET}"
        huawei_echo = f"no: POST|/v1/|host:x|canary-hw-key {HUAWEI_SECRET} {TOKEN}"
        for server, echo, one, two in ((jd, jd_echo, "i-1", "i-2"), (huawei, huawei_echo, "pa-1", "pa-2")):
            server.faults.add("refuse", ids=[one], message=echo)
            server.faults.add("unavailable", ids=[two], message=echo)
        ours = [jd_request("i-1", "i-2", "i-3", id_="a"), huawei_request("pa-1", "pa-2", "pa-3", id_="b")]
        assert house.batch(*(record(raw, raw["id"]) for raw in ours), record("poison", "m-9")) == []
        house.check(*ours)
        sent = json.dumps([house.aws.reports, house.aws.attributes, house.aws.queues])
        if refused:
            assert {body["id"] for body in house.aws.messages()} == {"a", "b"}
        else:
            assert "***" in sent
    told = logs.getvalue() + capsys.readouterr().out
    assert len(lines(told)) > 3
    for text in (told, sent):
        assert CANARIES.findall(text) == []


class Telling(JDCloud):
    """JD Cloud's provider with a bug that says what it should not."""

    async def write(self, *_: Any) -> Answer:
        raise ZeroDivisionError("canary")


def test_a_bugs_own_message_reaches_no_log(logs: io.StringIO) -> None:
    with House(changed=[Telling]) as house:
        put(house.jd, "i-1")
        house.batch(record(jd_request("i-1")))
    (line,) = [line for line in lines(logs.getvalue()) if line["message"] == "internal error"]
    assert (line["error"], line["at"].split(":")[0]) == ("ZeroDivisionError", "test_service")
    assert "canary" not in logs.getvalue()


def test_one_line_is_logged_for_a_request_and_none_for_a_resource(house: House, logs: io.StringIO) -> None:
    house.batch(
        record(jd_request(*(f"i-{n}" for n in range(20)), id_="a")), record(huawei_request("pa-1", id_="b"), "m-2")
    )
    told = lines(logs.getvalue())
    assert sorted(line["id"] for line in told) == ["a", "b"]
    (line,) = [line for line in told if line["id"] == "a"]
    assert line["counts"] == {"removed": 20}
    assert line["reports"] == [report["report_id"] for report in house.aws.reports if report["id"] == "a"]


def test_a_rejected_body_is_logged_under_its_own_names(house: House, logs: io.StringIO) -> None:
    house.batch(record(jd_request("i-1", id_="chg-7", batch="b-7", region=".."), "m-9"))
    (line,) = lines(logs.getvalue())
    assert (line["message"], line["record"], line["id"], line["batch"]) == ("rejected", "m-9", "chg-7", "b-7")


def test_a_service_code_that_is_not_documented_is_a_warning_and_is_worked_at(house: House, logs: io.StringIO) -> None:
    house.jd.tags.put("cn-north-1", "kafka", "k-1", "env", "prod")
    house.batch(record(jd_request(resources=[{"type": "kafka", "ids": ["k-1"]}])))
    assert house.outcomes("chg-1") == {("k-1", "env"): "removed"}
    assert [line["level"] for line in lines(logs.getvalue())] == ["WARNING", "INFO"]
