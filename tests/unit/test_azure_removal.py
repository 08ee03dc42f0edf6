"""Removals, restores and sweeps at the local Azure, from a record to the truth table."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from aws_model import DEAD_LETTERS
from service_house import House, record, taken_away
from sweep_support import sweep_at

from local.providers import Account, AwsStsServer, AzureLoginServer, AzureOptions, AzureServer
from local.providers.azure_service import CLIENT, SUBSCRIPTION, TENANT

HOST, LOGIN, STS = "azure.example.com", "login.example.com", "sts.example.com"
ENDPOINTS = f"azure.management=https://{HOST},azure.login=https://{LOGIN},aws.sts=https://{STS}"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-shop"
VM, DISK, COSMOS = (
    "Microsoft.Compute/virtualMachines",
    "Microsoft.Compute/disks",
    "Microsoft.DocumentDB/databaseAccounts",
)


def name(id_: str, type_: str = VM) -> str:
    return f"{GROUP}/providers/{type_}/{id_}"


def put(cloud: AzureServer, *ids: str, tags: Mapping[str, str] = {"env": "prod"}, type_: str = VM) -> None:
    cloud.tags.load([{"region": "", "type": type_, "id": name(id_, type_), "tags": tags} for id_ in ids])


@contextmanager
def house_of(cloud: AzureServer, login: AzureLoginServer | None = None, **environ: str) -> Iterator[House]:
    variables = {**cloud.environment, "UNTAG_ENDPOINTS": ENDPOINTS, **environ}
    with House(environ=variables) as house:
        clouds = house.wire.clouds
        clouds |= {HOST: cloud, LOGIN: login or AzureLoginServer(cloud.credentials), STS: AwsStsServer()}
        yield house


def request(
    *ids: str, tags: Mapping[str, str] | str = {"env": "prod"}, type_: str = VM, **fields: Any
) -> dict[str, Any]:
    named = [{"key": key, "value": value} for key, value in tags.items()] if not isinstance(tags, str) else tags
    return {
        "id": "chg-1",
        "provider": "azure",
        "resources": [{"type": type_, "ids": [one if one.startswith("/") else name(one, type_) for one in ids]}],
        "tags": named,
        **fields,
    }


@pytest.fixture
def cloud() -> AzureServer:
    return AzureServer()


def test_tags_are_removed_and_each_row_has_what_stood_there(cloud: AzureServer) -> None:
    put(cloud, "vm-1", "vm-2", tags={"env": "prod", "team": "x", "hidden-title": "shop"})
    raw = request("vm-1", "vm-2", "vm-none", tags={"env": "prod", "team": "y", "hidden-title": "shop"})
    with house_of(cloud) as house:
        assert house.batch(record(raw)) == []
        house.check(raw)
        found = {(row["resource_id"], row["key"]): (row["outcome"], row.get("was", "-")) for row in house.rows("chg-1")}
    for id_ in (name("vm-1"), name("vm-2")):
        assert found[id_, "env"] == ("removed", "prod")
        assert found[id_, "team"] == ("absent", "x")
        assert found[id_, "hidden-title"] == ("protected", "-")
    assert found[name("vm-none"), "env"][0] == "not_found"
    assert taken_away(cloud) == {(name(id_), "env", "prod") for id_ in ("vm-1", "vm-2")}


def test_keys_and_ids_in_other_letters_are_the_same_and_the_stored_key_is_sent(cloud: AzureServer) -> None:
    put(cloud, "vm-1", tags={"Env": "prod", "TEAM": "X"})
    raw = request(name("vm-1").upper(), tags={"eNV": "prod", "team": "x"})
    with house_of(cloud) as house:
        house.batch(record(raw), record(request("vm-1", tags={"ENV": "prod"}, id="chg-2"), "m-2"))
        assert house.outcomes("chg-1") == {
            (name("vm-1").upper(), "eNV"): "removed",
            (name("vm-1").upper(), "team"): "absent",
        }
        assert house.outcomes("chg-2") == {(name("vm-1"), "ENV"): "removed"}
    (change,) = cloud.tags.history
    assert (change.key, change.before, change.after) == ("Env", "prod", None)
    assert [call.operation for call in cloud.calls] == ["get", "delete"]


def test_a_protected_key_is_protected_in_any_case(cloud: AzureServer) -> None:
    put(cloud, "vm-1", tags={"CostCenter": "7"})
    with house_of(cloud, UNTAG_PROTECTED_KEYS="costcenter") as house:
        house.batch(record(request("vm-1", tags={"COSTCENTER": "7"})))
        assert house.outcomes("chg-1") == {(name("vm-1"), "COSTCENTER"): "protected"}
    assert list(cloud.calls) == []


def test_all_tags_of_a_resource_go_in_one_call(cloud: AzureServer) -> None:
    put(cloud, "vm-1", tags={f"k{number}": "x" for number in range(50)})
    with house_of(cloud) as house:
        house.batch(record(request("vm-1", tags="all")))
        assert set(house.outcomes("chg-1").values()) == {"removed"}
    assert Counter(call.operation for call in cloud.calls) == Counter({"get": 1, "delete": 1})
    assert cloud.tags.pairs() == set()


def test_one_token_is_enough_for_many_calls(cloud: AzureServer) -> None:
    put(cloud, *(f"vm-{number}" for number in range(50)))
    login = AzureLoginServer()
    with house_of(cloud, login, UNTAG_RATE="100000") as house:
        house.batch(record(request(*(f"vm-{number}" for number in range(50)))))
        assert set(house.outcomes("chg-1").values()) == {"removed"}
    assert len(login.calls) == 1
    assert Counter(call.operation for call in cloud.calls) == Counter({"get": 50, "delete": 50})


@pytest.mark.parametrize("first", ["off", "on"])
@pytest.mark.parametrize("delete", ["key", "pair"])
def test_a_value_that_is_another_one_is_absent_whatever_the_cloud_would_do(first: str, delete: Any) -> None:
    cloud = AzureServer(options=AzureOptions(delete=delete))
    put(cloud, "vm-1", tags={"env": "dev"})
    with house_of(cloud, UNTAG_READ_FIRST=first) as house:
        house.batch(record(request("vm-1")))
        assert house.outcomes("chg-1") == {(name("vm-1"), "env"): "absent"}
    assert cloud.tags.history == []


def test_a_dry_run_reads_and_writes_nothing(cloud: AzureServer) -> None:
    put(cloud, "vm-1")
    with house_of(cloud) as house:
        house.batch(record(request("vm-1", dry_run=True)))
        assert house.outcomes("chg-1") == {(name("vm-1"), "env"): "would_remove"}
    assert [call.operation for call in cloud.calls] == ["get"]


@pytest.mark.parametrize("no_tags", ["empty", "left_out"])
def test_the_last_tag_of_a_resource_is_gone_and_undo_knows_what_stood_there(no_tags: Any) -> None:
    cloud = AzureServer(options=AzureOptions(no_tags=no_tags))
    put(cloud, "vm-1")
    raw = request("vm-1")
    with house_of(cloud) as house:
        house.batch(record(raw))
        house.check(raw)
        (row,) = house.rows("chg-1")
    assert row["outcome"] == ("removed" if no_tags == "empty" else "absent")
    assert row["was"] == "prod"
    assert cloud.tags.pairs() == set()


def test_what_was_removed_can_be_put_back_and_what_has_changed_since_is_left_alone(cloud: AzureServer) -> None:
    put(cloud, "vm-1", "vm-2")
    removal = request("vm-1", "vm-2")
    with house_of(cloud) as house:
        house.batch(record(removal))
        put(cloud, "vm-2", tags={"ENV": "dev"})
        put(cloud, "vm-1", tags={"team": "x"})
        house.batch(record({**removal, "id": "back", "action": "restore"}))
        assert house.outcomes("back") == {(name("vm-1"), "env"): "restored", (name("vm-2"), "env"): "protected"}
    assert cloud.tags.get("default", "", VM, name("vm-1")) == {"team": "x", "env": "prod"}
    assert cloud.tags.get("default", "", VM, name("vm-2")) == {"ENV": "dev"}


def test_a_write_that_is_carried_out_later_is_read_back_until_it_is(cloud: AzureServer) -> None:
    put(cloud, "disk-1", type_=DISK)
    raw = request("disk-1", type_=DISK)
    with house_of(cloud) as house:
        cloud.clock = lambda: time.time() + house.clock.seconds
        house.batch(record(raw))
        house.check(raw)
        assert house.outcomes("chg-1") == {(name("disk-1", DISK), "env"): "removed"}
    assert [call.operation for call in cloud.calls] == ["get", "delete", "get"]
    assert [call.status for call in cloud.calls] == [200, 202, 200]


def test_a_write_that_is_accepted_and_never_carried_out_is_not_called_removed() -> None:
    cloud = AzureServer(options=AzureOptions(later_seconds=1e9))
    put(cloud, "disk-1", type_=DISK)
    raw = request("disk-1", type_=DISK)
    with house_of(cloud) as house:
        house.batch(record(raw))
        house.check(raw)
        assert house.outcomes("chg-1") == {}
        (left,) = house.aws.messages()
    assert left["tags"] == [{"key": "env", "value": "prod", "was": "prod"}]


def test_a_value_that_somebody_sets_while_a_write_is_under_way_makes_it_no_removal() -> None:
    class Shared(AzureServer):
        def apply(self, *asked: Any) -> Any:
            answer, count = super().apply(*asked)
            if answer.status == 202:
                self.tags.put("", DISK, name("disk-1", DISK), "env", "somebody's")
            return answer, count

    cloud = Shared(options=AzureOptions(later_seconds=1e9))
    put(cloud, "disk-1", type_=DISK)
    raw = request("disk-1", type_=DISK)
    with house_of(cloud) as house:
        house.batch(record(raw))
        house.check(raw)
        (row,) = house.rows("chg-1")
    assert (row["outcome"], row["was"]) == ("absent", "prod")


def test_a_success_without_effect_is_not_believed() -> None:
    cloud = AzureServer(options=AzureOptions(without_effect=frozenset({COSMOS.lower()})))
    put(cloud, "db-1", type_=COSMOS)
    raw = request("db-1", type_=COSMOS)
    with house_of(cloud) as house:
        house.batch(record(raw))
        house.check(raw)
        (row,) = house.rows("chg-1")
        # It may be carried out yet: the dead letter says what stood there.
        (letter,) = house.aws.messages(DEAD_LETTERS)
    assert (row["outcome"], row["code"]) == ("failed", "not_applied")
    assert letter["tags"] == [{"key": "env", "value": "prod", "was": "prod"}]


def test_a_tag_that_an_answer_shows_to_remain_is_not_removed_and_its_neighbour_is(cloud: AzureServer) -> None:
    put(cloud, "vm-1", tags={"env": "prod", "team": "x"})
    cloud.faults.add("partial", keys=["team"])
    raw = request("vm-1", tags={"env": "prod", "team": "x"})
    with house_of(cloud) as house:
        house.batch(record(raw))
        house.check(raw)
        outcomes = house.outcomes("chg-1")
    assert outcomes[name("vm-1"), "team"] == "failed"
    assert outcomes[name("vm-1"), "env"] in ("removed", "absent")
    assert {pair.key for pair in cloud.tags.pairs()} == {"team"}


def test_a_policy_that_demands_one_tag_takes_no_other_down(cloud: AzureServer) -> None:
    tags = {"env": "prod", "team": "x", "cost": "7"}
    put(cloud, "vm-1", tags=tags)
    cloud.faults.add("forbidden", operation="delete", keys=["cost"], code="RequestDisallowedByPolicy")
    raw = request("vm-1", tags=tags)
    with house_of(cloud) as house:
        house.batch(record(raw))
        house.check(raw)
        rows = {row["key"]: (row["outcome"], row.get("code")) for row in house.rows("chg-1")}
    assert rows == {
        "cost": ("failed", "RequestDisallowedByPolicy"),
        "env": ("removed", None),
        "team": ("removed", None),
    }


@pytest.mark.parametrize("rule", ["empty", "not_json", "truncate", "reset", "redirect", "other_ids"])
@pytest.mark.parametrize("operation", ["reading", "writing"])
def test_an_answer_that_cannot_be_believed_is_no_removal(cloud: AzureServer, rule: str, operation: str) -> None:
    put(cloud, "vm-1")
    cloud.faults.add(rule, operation=operation)
    raw = request("vm-1")
    with house_of(cloud) as house:
        house.batch(record(raw))
        house.check(raw)
        assert "removed" not in house.outcomes("chg-1").values()


def test_a_throttle_slows_the_account_and_the_pairs_wait(cloud: AzureServer) -> None:
    put(cloud, "vm-1")
    cloud.faults.add("throttle", operation="writing", retry_after="20")
    raw = request("vm-1")
    with house_of(cloud) as house:
        house.batch(record(raw))
        house.check(raw)
        (left,) = house.aws.messages()
    assert left["attempt"] == 2


def test_a_wrong_secret_closes_the_account_and_its_text_is_not_passed_on(cloud: AzureServer) -> None:
    put(cloud, "vm-1")
    login = AzureLoginServer()
    with house_of(cloud, login, AZURE_CLIENT_SECRET="wrong-secret") as house:
        house.batch(record(request("vm-1")), record(request("vm-1", id="chg-2"), "m-2"))
        assert len(house.aws.messages()) == 2
    assert [call.code for call in login.calls] == ["invalid_client"]
    assert list(cloud.calls) == []


def test_a_token_that_has_expired_at_the_cloud_is_replaced_and_the_call_made_again(cloud: AzureServer) -> None:
    put(cloud, "vm-1")
    login = AzureLoginServer()
    cloud.faults.add("unauthorized", code="ExpiredAuthenticationToken", times=1)
    with house_of(cloud, login) as house:
        house.batch(record(request("vm-1")))
        assert house.outcomes("chg-1") == {(name("vm-1"), "env"): "removed"}
    assert len(login.calls) == 2


@pytest.mark.parametrize(
    ("subscription", "code"),
    [
        ("22222222-2222-3333-4444-555555555555", "SubscriptionNotFound"),
        ("33333333-2222-3333-4444-555555555555", "InvalidAuthenticationTokenTenant"),
    ],
)
def test_a_foreign_subscription_fails_by_itself_and_is_never_called_gone(subscription: str, code: str) -> None:
    foreign = name("vm-1").replace(SUBSCRIPTION, subscription)
    known = {SUBSCRIPTION: TENANT, "33333333-2222-3333-4444-555555555555": "another-tenant"}
    cloud = AzureServer(subscriptions=known)
    put(cloud, "vm-1")
    with house_of(cloud) as house:
        house.batch(record(request(foreign, "vm-1")))
        rows = {row["resource_id"]: (row["outcome"], row.get("code")) for row in house.rows("chg-1")}
        assert house.aws.messages() == []
    assert rows == {foreign: ("failed", code), name("vm-1"): ("removed", None)}


@pytest.mark.parametrize(("code", "status"), [("AuthorizationFailed", 403), ("ScopeLocked", 409)])
def test_a_right_that_is_missing_or_a_lock_is_told_with_its_code(cloud: AzureServer, code: str, status: int) -> None:
    put(cloud, "vm-1", "vm-2")
    cloud.faults.add("status", operation="writing", ids=[name("vm-2")], status=status, code=code)
    with house_of(cloud) as house:
        house.batch(record(request("vm-1", "vm-2")))
        rows = {row["resource_id"]: (row["outcome"], row.get("code")) for row in house.rows("chg-1")}
    assert rows == {name("vm-1"): ("removed", None), name("vm-2"): ("failed", code)}
    assert Counter(call.operation for call in cloud.calls) == Counter({"get": 2, "delete": 2})


def test_an_account_without_a_secret_goes_by_the_hosts_aws_role(monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = {CLIENT: Account("", domain_id=TENANT)}
    cloud, login = AzureServer(accounts), AzureLoginServer(accounts)
    put(cloud, "vm-1")
    role = {
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "ASIALOCALSTACK",
        "AWS_SECRET_ACCESS_KEY": "local-secret",
        "AWS_SESSION_TOKEN": "local-token",
    }
    for variable, text in role.items():
        monkeypatch.setenv(variable, text)
    assert "AZURE_CLIENT_SECRET" not in cloud.environment
    with house_of(cloud, login) as house:
        house.batch(record(request("vm-1")))
        assert house.outcomes("chg-1") == {(name("vm-1"), "env"): "removed"}
    assert [call.status for call in login.calls] == [200]
    for variable in role:
        monkeypatch.delenv(variable)
    with house_of(cloud, login) as house:
        house.batch(record(request("vm-1")))
        (row,) = house.rows("chg-1")
    assert (row["outcome"], row["code"]) == ("failed", "no_aws_role")


def test_each_account_has_a_token_of_its_own(cloud: AzureServer) -> None:
    blue = "33333333-2222-3333-4444-555555555555"
    cloud.credentials["b10e0000-0000-4000-8000-000000000002"] = Account("s2", domain_id="blue-tenant", name="blue")
    cloud.subscriptions[blue] = "blue-tenant"
    login = AzureLoginServer(cloud.credentials)
    ids = {"default": name("vm-1"), "blue": name("vm-1").replace(SUBSCRIPTION, blue)}
    for account, id_ in ids.items():
        cloud.tags.load([{"account": account, "region": "", "type": VM, "id": id_, "tags": {"env": "prod"}}])
    with house_of(cloud, login, UNTAG_CREDENTIALS="secretsmanager:keys") as house:
        house.aws.secrets |= {f"keys/azure/{account}": secret for account, secret in cloud.secrets.items()}
        records = [record(request(id_, account=one, id=f"chg-{one}"), f"m-{one}") for one, id_ in ids.items()]
        assert house.batch(*records) == []
        for account, id_ in ids.items():
            assert house.outcomes(f"chg-{account}") == {(id_, "env"): "removed"}
        # Another account's resource is not reached, whatever its id says.
        house.batch(record(request(ids["blue"], id="chg-3"), "m-3"))
        (row,) = house.rows("chg-3")
    assert (row["outcome"], row["code"]) == ("failed", "InvalidAuthenticationTokenTenant")
    assert {call.account: call.access_key for call in cloud.calls if call.writing} == {
        account.name: client for client, account in cloud.credentials.items()
    }
    assert len(login.calls) == 2


def test_a_sweep_finds_a_key_in_any_case_page_by_page(cloud: AzureServer) -> None:
    ids = [f"vm-{number:04}" for number in range(2100)]
    put(cloud, *ids[:-1], tags={"tmp": "x", "owner": "li"})
    put(cloud, ids[-1], tags={"Tmp": "x"})
    put(cloud, "disk-1", tags={"tmp": "x"}, type_=DISK)
    rule = {
        "name": "tmp",
        "provider": "azure",
        "types": [VM],
        "match": {"key": {"literal": "tmp", "ignore_case": True}},
    }
    settings = {**cloud.environment, "UNTAG_ENDPOINTS": ENDPOINTS}
    requests, report = sweep_at({HOST: cloud, LOGIN: AzureLoginServer()}, settings, rule)
    assert report["status"] == "succeeded"
    asked = [id_ for one in requests for group in one["resources"] for id_ in group["ids"]]
    assert sorted(asked) == [name(id_) for id_ in ids]


FORGED_IDS = (
    "..",
    f"{GROUP}/../../x",
    f"{name('vm-1')}/../vm-2",
    f"{GROUP}%2f..%2f..",
    f"{name('vm-1')}#x",
    f"{name('vm-1')}?api-version=1",
    f"{name('vm-1')}/",
    "@evil.example.com/x",
    f"https://evil.example.com{name('vm-1')}",
    f"//evil.example.com{name('vm-1')}",
    name("*"),
    name("vm-1").replace(SUBSCRIPTION, "*"),
    name("vm-1").replace(SUBSCRIPTION, ".."),
    name("vm-1", DISK),
)
FORGED = [{"resources": [{"type": VM, "ids": [id_]}]} for id_ in FORGED_IDS]
FORGED += [
    {"resources": [{"type": type_, "ids": [name("vm-1")]}]} for type_ in ("*", "a/..", "a.example.com/x:y", "all")
]
FORGED += [{"region": "westeurope"}, {"project_id": SUBSCRIPTION}]


@pytest.mark.parametrize("forged", FORGED, ids=range(len(FORGED)))
def test_what_is_forged_is_rejected_as_a_whole_and_nothing_is_called(
    cloud: AzureServer, forged: dict[str, Any]
) -> None:
    put(cloud, "vm-1")
    login = AzureLoginServer()
    with house_of(cloud, login) as house:
        assert house.batch(record(request("vm-1") | forged)) == []
        ((_, attributes),) = house.aws.letters()
        assert attributes["code"] == "invalid"
    assert [*cloud.calls, *login.calls] == []
    assert len(cloud.tags.pairs()) == 1
