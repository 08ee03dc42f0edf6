"""Removals at the local Azure by whose token they are made: secrets, roles, tokens that expire, other subscriptions."""

from collections import Counter

import pytest
from azure_house import VM, house_of, name, put, request
from service_house import record

from local.providers import Account, AzureLoginServer, AzureServer
from local.providers.azure_service import CLIENT, SUBSCRIPTION, TENANT


@pytest.fixture
def cloud() -> AzureServer:
    return AzureServer()


def test_one_token_is_enough_for_many_calls(cloud: AzureServer) -> None:
    put(cloud, *(f"vm-{number}" for number in range(50)))
    login = AzureLoginServer()
    with house_of(cloud, login, UNTAG_RATE="100000") as house:
        house.batch(record(request(*(f"vm-{number}" for number in range(50)))))
        assert set(house.outcomes("chg-1").values()) == {"removed"}
    assert len(login.calls) == 1
    assert Counter(call.operation for call in cloud.calls) == Counter({"get": 50, "delete": 50})


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
