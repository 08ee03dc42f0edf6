"""The process at hand as a host: requests carried out to their end, with files for queues and a topic."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.providers import HuaweicloudConfigServer, JdcloudServer, environment
from untag.contracts import InvalidInputError, Tag
from untag.core import Timing
from untag.hosts.base import Record
from untag.hosts.here import Here, WriteLog
from untag.hosts.here import carry_out as carry_out_by
from untag.providers import Scope, Seen
from untag.removal import Remover
from untag.runtime import Runtime


@pytest.fixture
def jd() -> Iterator[JdcloudServer]:
    with JdcloudServer() as server:
        place = {"region": "cn-north-1", "type": "vm"}
        server.tags.load({**place, "id": f"i-{n}", "tags": {"env": "prod", "team": "web"}} for n in range(30))
        yield server


def here(folder: Path, jd: JdcloudServer, **environ: str) -> Here:
    with HuaweicloudConfigServer() as config:
        variables = environment((jd, config))
    return Here(folder, {**variables, **environ}, timing=Timing(chance=lambda: 0.0))


def request(*ids: str, **fields: Any) -> dict[str, Any]:
    body = {"provider": "jdcloud", "region": "cn-north-1", "tags": [{"key": "env", "value": "prod"}]}
    return {**body, "resources": [{"type": "vm", "ids": list(ids)}], **fields}


def carry_out(host: Here, requests: list[Any], work: type[Remover] = Remover) -> None:
    carry_out_by(host, work, [one if isinstance(one, str) else json.dumps(one) for one in requests])


def standing(jd: JdcloudServer, id_: str) -> dict[str, str] | None:
    return jd.tags.get("default", "cn-north-1", "vm", id_)


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def outcomes(folder: Path) -> dict[str, str]:
    reports = [one for one in lines(folder / "reports.jsonl") if one["kind"] == "removal"]
    return {row["resource_id"]: row["outcome"] for one in reports for row in one["outcomes"]}


def test_requests_are_carried_out_to_their_end_and_reported_in_lines(tmp_path: Path, jd: JdcloudServer) -> None:
    carry_out(here(tmp_path, jd), [request("i-1", "i-2", "gone", id="a"), json.dumps(request("i-3", id="b"))])
    assert outcomes(tmp_path) == {"i-1": "removed", "i-2": "removed", "i-3": "removed", "gone": "absent"}
    assert {one["id"] for one in lines(tmp_path / "reports.jsonl")} == {"a", "b"}
    assert standing(jd, "i-1") == {"team": "web"}
    assert not (tmp_path / "dead-letters.jsonl").exists()
    assert here(tmp_path, jd).kept() == []


def test_what_a_cloud_puts_off_waits_here_and_is_done_later(tmp_path: Path, jd: JdcloudServer) -> None:
    jd.faults.add("throttle", operation="writing", times=4)
    carry_out(here(tmp_path, jd), [request(*(f"i-{n}" for n in range(30)), id="a")])
    reports = lines(tmp_path / "reports.jsonl")
    assert [one["complete"] for one in reports][-1] is True
    assert len(reports) > 1
    assert outcomes(tmp_path) == {f"i-{n}": "removed" for n in range(30)}


def test_what_ends_badly_is_a_dead_letter_that_can_be_carried_out_again(tmp_path: Path, jd: JdcloudServer) -> None:
    jd.faults.add("partial", ids=("i-1",), operation="writing", times=8)
    carry_out(here(tmp_path, jd), [request("i-1", "i-2", id="a"), "no request"])
    jd.faults.clear()
    failed, invalid = lines(tmp_path / "dead-letters.jsonl")
    assert {failed["attributes"]["code"], invalid["attributes"]["code"]} == {"resource_failed", "invalid"}
    again = next(one for one in (failed, invalid) if one["attributes"]["code"] == "resource_failed")
    carry_out(here(tmp_path, jd), [again["body"]])
    assert outcomes(tmp_path) == {"i-1": "removed", "i-2": "removed"}


class Interrupted(Remover):
    """Ctrl-C comes while it works."""

    def batch(self, *_: Any) -> list[str]:
        raise KeyboardInterrupt


def test_an_interrupted_run_leaves_what_is_still_to_be_done(tmp_path: Path, jd: JdcloudServer) -> None:
    with pytest.raises(KeyboardInterrupt):
        carry_out(here(tmp_path, jd), [request("i-1", id="a"), request("i-2", id="b")], Interrupted)
    left = here(tmp_path, jd).kept()
    assert [json.loads(one.body)["id"] for one in left] == ["a", "b"]
    carry_out_by(here(tmp_path, jd), Remover, left)
    assert outcomes(tmp_path) == {"i-1": "removed", "i-2": "removed"}


def test_what_a_killed_process_has_begun_to_write_spoils_no_report_but_its_own(
    tmp_path: Path, jd: JdcloudServer
) -> None:
    (tmp_path / "reports.jsonl").write_text('{"kind": "remov')
    carry_out(here(tmp_path, jd), [request("i-1", id="a")])
    torn, report = (tmp_path / "reports.jsonl").read_text(encoding="utf-8").splitlines()
    assert torn == '{"kind": "remov'
    assert json.loads(report)["id"] == "a"


def test_half_a_character_in_a_value_is_reported_as_it_is(tmp_path: Path, jd: JdcloudServer) -> None:
    carry_out(here(tmp_path, jd), [request("i-1", id="a", tags=[{"key": "env", "value": "\ud800"}])])
    (report,) = lines(tmp_path / "reports.jsonl")
    assert report["kind"] in {"removal", "rejected"}


def test_credentials_come_from_the_environment_or_a_file_and_from_nowhere_else(
    tmp_path: Path, jd: JdcloudServer
) -> None:
    accounts = tmp_path / "accounts.json"
    variables = environment((jd,))
    key = {name: variables[f"JDCLOUD_{name.upper()}"] for name in ("access_key", "secret_key")}
    accounts.write_text(json.dumps({"jdcloud/default": key}))
    carry_out(here(tmp_path, jd, UNTAG_CREDENTIALS=f"file:{accounts}"), [request("i-1")])
    assert outcomes(tmp_path) == {"i-1": "removed"}
    with pytest.raises(InvalidInputError, match="UNTAG_CREDENTIALS"):
        Runtime(here(tmp_path, jd, UNTAG_CREDENTIALS="secretsmanager:untag"))


def test_a_request_before_its_time_waits_here_with_its_time(tmp_path: Path, jd: JdcloudServer) -> None:
    host = here(tmp_path, jd)
    runtime = Runtime(host)
    later = "2027-01-01T00:00:00.000Z"
    body = json.dumps(request("i-1", id="a", not_before=later))
    assert Remover(runtime).batch([Record("m", body, 1, "m", "here")], lambda: 60.0) == []
    (waiting,) = host.work
    assert waiting.due == datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    assert standing(jd, "i-1") == {"env": "prod", "team": "web"}
    runtime.close()


def test_what_several_calls_had_begun_to_remove_from_one_resource_is_all_known_again(tmp_path: Path) -> None:
    scope = Scope("jdcloud", "resourcetag", "default", "cn-north-1", None, "vm")
    write_log = WriteLog(tmp_path)
    seen = {"i-1": Seen({"env": "prod", "team": "web"})}
    write_log.note(scope, ("i-1",), (Tag("env", "prod"),), seen)
    assert json.loads(write_log.rest_of(json.dumps(request("i-1", tags=[{"key": "env"}]))) or "")["tags"] == [
        {"key": "env", "was": "prod"}
    ]
    write_log.note(scope, ("i-1",), (Tag("team", "web"),), seen)
    with (tmp_path / "writes.jsonl").open("a") as file:
        file.write('["jdcloud", "defa')
    asked = request("i-1", tags=[{"key": "env", "value": "test"}, {"key": "team", "value": "web"}])
    assert json.loads(WriteLog(tmp_path).rest_of(json.dumps(asked)) or "")["tags"] == [
        {"key": "env", "value": "test"},
        {"key": "team", "value": "web", "was": "web"},
    ]
    write_log.clear()
    assert WriteLog(tmp_path).rest_of(json.dumps(asked)) == json.dumps(asked)
