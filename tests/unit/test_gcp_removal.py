"""Removals and restores at the local Google Cloud, from a record to the truth table."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from aws_model import DEAD_LETTERS
from gcp_support import (
    BUCKET,
    BUCKET_TYPE,
    CLUSTER_TYPE,
    IDS,
    INSTANCE,
    INSTANCE_TYPE,
    PROJECT_TYPE,
    SQL_TYPE,
    TABLE_TYPE,
    TOPIC,
    TOPIC_TYPE,
    Shared,
    before_a_write,
    house_of,
)
from service_house import ENVIRON, record, tag_list, taken_away

from local.providers import Account, GcpOptions, GcpServer
from local.providers.server import Route

BY_OPERATION = {INSTANCE_TYPE, SQL_TYPE, CLUSTER_TYPE, PROJECT_TYPE}
VERSIONED = set(IDS) - {TOPIC_TYPE}


def put(cloud: GcpServer, *types: str, labels: Mapping[str, str] = {"env": "prod", "team": "web"}) -> None:
    for type_ in types:
        cloud.tags.load([{"type": type_, "id": IDS[type_], "tags": labels}])


def request(*types: str, tags: Mapping[str, str] | str = {"env": "prod"}, **fields: Any) -> dict[str, Any]:
    resources = [{"type": type_, "ids": [IDS[type_]]} for type_ in types]
    return {"id": "chg-1", "provider": "gcp", "resources": resources, "tags": tag_list(tags), **fields}


def labels_of(cloud: GcpServer, type_: str) -> dict[str, str] | None:
    return cloud.tags.get("default", "", type_, IDS[type_])


@pytest.fixture
def cloud() -> Shared:
    return Shared()


def test_labels_are_removed_at_every_service_and_each_row_has_what_stood_there(cloud: GcpServer) -> None:
    put(cloud, *IDS)
    raw = request(*IDS, tags={"env": "prod", "team": "db", "goog-managed-by": "x"})
    with house_of(cloud) as house:
        assert house.batch(record(raw)) == []
        house.check(raw)
        rows = {(row["type"], row["key"]): (row["outcome"], row.get("was", "-")) for row in house.rows("chg-1")}
        assert all(row.get("provider_request_id") for row in house.rows("chg-1") if row["outcome"] == "removed")
    for type_ in IDS:
        assert rows[type_, "env"] == ("removed", "prod")
        assert rows[type_, "team"] == ("absent", "web")
        assert rows[type_, "goog-managed-by"] == ("protected", "-")
        assert labels_of(cloud, type_) == {"team": "web"}
    assert taken_away(cloud) == {(id_, "env", "prod") for id_ in IDS.values()}


def test_the_last_label_goes_and_what_was_removed_is_put_back(cloud: GcpServer) -> None:
    put(cloud, *IDS, labels={"env": "prod"})
    removal = request(*IDS)
    with house_of(cloud) as house:
        house.batch(record(removal))
        assert cloud.tags.pairs() == set()
        cloud.tags.load([{"type": BUCKET_TYPE, "id": BUCKET, "tags": {"env": "dev"}}])
        house.batch(record({**removal, "id": "back", "action": "restore"}))
        outcomes = {row["type"]: row["outcome"] for row in house.rows("back")}
    assert outcomes.pop(BUCKET_TYPE) == "protected"
    assert set(outcomes.values()) == {"restored"}
    assert {pair.value for pair in cloud.tags.pairs()} == {"prod", "dev"}


def test_a_resource_takes_one_read_and_one_write_whatever_the_number_of_labels(cloud: GcpServer) -> None:
    labels = {f"k{number}": "x" for number in range(64)}
    put(cloud, INSTANCE_TYPE, BUCKET_TYPE, labels=labels)
    cloud.options = GcpOptions(running=frozenset())
    with house_of(cloud) as house:
        house.batch(record(request(INSTANCE_TYPE, BUCKET_TYPE, tags=labels)))
    # The instance's operation still runs: it is read back.
    assert Counter(call.operation for call in cloud.calls) == {"get": 3, "setLabels": 1, "patch": 1}
    assert cloud.tags.pairs() == set()


def test_what_does_not_exist_is_not_found_and_a_dry_run_writes_nothing(cloud: GcpServer) -> None:
    put(cloud, INSTANCE_TYPE)
    with house_of(cloud) as house:
        house.batch(record(request(INSTANCE_TYPE, BUCKET_TYPE, dry_run=True)))
        assert house.outcomes("chg-1") == {(INSTANCE, "env"): "would_remove", (BUCKET, "env"): "not_found"}
    assert not any(call.writing for call in cloud.calls)


def test_every_label_means_all_but_googles_own(cloud: GcpServer) -> None:
    put(cloud, INSTANCE_TYPE, labels={"env": "prod", "goog-gke-node": "x", "k8s-io-cluster-name": "y"})
    with house_of(cloud) as house:
        house.batch(record(request(INSTANCE_TYPE, tags="all")))
        assert house.outcomes("chg-1") == {(INSTANCE, "env"): "removed"}


@pytest.mark.parametrize("type_", IDS)
def test_a_value_that_changes_between_the_read_and_the_write_is_kept(cloud: Shared, type_: str) -> None:
    put(cloud, type_)

    def change() -> None:
        cloud.tags.put("", type_, IDS[type_], "env", "dev")

    if type_ in {TOPIC_TYPE, SQL_TYPE}:
        _before_the_second_read(cloud, change)
    else:
        before_a_write(cloud, change)
    raw = request(type_)
    with house_of(cloud) as house:
        house.work_at(raw)
        ((row),) = house.rows("chg-1")
        assert (row["outcome"], row["was"]) == ("absent", "dev")
    assert labels_of(cloud, type_) == {"env": "dev", "team": "web"}
    assert taken_away(cloud) == set()


def _before_the_second_read(cloud: Shared, change: Callable[[], None]) -> None:
    reads = iter(range(1, 99))

    def act(route: Route) -> None:
        if route.operation == "get" and next(reads) == 2:
            change()

    cloud.before = act


@pytest.mark.parametrize("type_", sorted(VERSIONED))
def test_another_label_that_changes_meanwhile_is_kept_and_ours_goes(cloud: Shared, type_: str) -> None:
    put(cloud, type_)
    before_a_write(cloud, lambda: cloud.tags.put("", type_, IDS[type_], "new", "1"))
    with house_of(cloud) as house:
        house.batch(record(request(type_)))
        assert set(house.outcomes("chg-1").values()) == {"removed"}
    assert labels_of(cloud, type_) == {"team": "web", "new": "1"}


def test_a_resource_that_changes_all_the_time_waits_after_three_rounds(cloud: Shared) -> None:
    put(cloud, BUCKET_TYPE)
    number = iter(range(100))
    done = before_a_write(cloud, lambda: cloud.tags.put("", BUCKET_TYPE, BUCKET, "n", f"{next(number)}"), times=99)
    with house_of(cloud) as house:
        house.batch(record(request(BUCKET_TYPE)))
        (left,) = house.aws.messages()
    assert left["resources"] == [{"type": BUCKET_TYPE, "ids": [BUCKET]}]
    assert done.count("patch") == 4
    assert labels_of(cloud, BUCKET_TYPE) == {"env": "prod", "team": "web", "n": "3"}


def test_requests_for_one_topic_do_not_undo_each_other(cloud: GcpServer) -> None:
    labels = {f"k{number}": "x" for number in range(8)}
    put(cloud, TOPIC_TYPE, labels=labels)
    raws = [request(TOPIC_TYPE, id=f"chg-{key}", tags={key: "x"}) for key in labels]
    with house_of(cloud) as house:
        house.batch(*(record(raw, raw["id"]) for raw in raws))
        assert {outcome for raw in raws for outcome in house.outcomes(raw["id"]).values()} == {"removed"}
    assert labels_of(cloud, TOPIC_TYPE) == {}


@pytest.mark.parametrize("type_", sorted(BY_OPERATION))
def test_an_operation_that_runs_is_read_back_until_it_has_taken_effect(type_: str) -> None:
    services = {"container.googleapis.com", "sqladmin.googleapis.com", "cloudresourcemanager.googleapis.com"}
    cloud = GcpServer(options=GcpOptions(running=frozenset(services), later=5.0))
    put(cloud, type_)
    with house_of(cloud) as house:
        cloud.clock = lambda: house.clock.seconds
        house.batch(record(request(type_)))
        assert house.outcomes("chg-1") == {(IDS[type_], "env"): "removed"}
    assert labels_of(cloud, type_) == {"team": "web"}
    assert sum(call.writing for call in cloud.calls) == 1


def test_an_operation_that_runs_too_long_is_asked_for_again_and_its_value_travels(cloud: GcpServer) -> None:
    cloud.options = GcpOptions(later=3600.0)
    put(cloud, CLUSTER_TYPE)
    with house_of(cloud) as house:
        cloud.clock = lambda: house.clock.seconds
        house.batch(record(request(CLUSTER_TYPE)))
        (left,) = house.aws.messages()
        assert left["tags"] == [{"key": "env", "value": "prod", "was": "prod"}]
        house.clock.seconds += 3600
        house.aws.queues.clear()
        cloud.options = GcpOptions()
        house.batch(record(left))
        (row,) = house.rows("chg-1")
    assert (row["outcome"], row["was"]) == ("absent", "prod")


def test_the_value_travels_with_a_pair_that_failed_after_a_call_whose_answer_was_lost(cloud: GcpServer) -> None:
    """The lost call is carried out an hour later: the dead letter then finds the label gone and knows its value."""
    cloud.options = GcpOptions(later=3600.0)
    put(cloud, INSTANCE_TYPE)
    cloud.faults.add("truncate", operation="writing", applied=True, times=1)
    cloud.faults.add("partial", operation="writing", code="RESOURCE_IN_USE", skip=1)
    with house_of(cloud) as house:
        cloud.clock = lambda: house.clock.seconds
        house.batch(record(request(INSTANCE_TYPE)))
        (row,) = house.rows("chg-1")
        assert (row["outcome"], row["code"]) == ("failed", "RESOURCE_IN_USE")
        (letter,) = house.aws.messages(DEAD_LETTERS)
        assert letter["tags"] == [{"key": "env", "value": "prod", "was": "prod"}]
        house.clock.seconds += 3600
        cloud.options = GcpOptions()
        cloud.faults.clear()
        house.batch(record(letter))
        assert [(row["outcome"], row["was"]) for row in house.rows("chg-1")[1:]] == [("absent", "prod")]


@pytest.mark.parametrize("type_", [INSTANCE_TYPE, BUCKET_TYPE])
def test_one_label_that_cannot_go_does_not_keep_the_others(cloud: GcpServer, type_: str) -> None:
    put(cloud, type_)
    cloud.faults.add("partial", keys=["team"], code="RESOURCE_LOCKED", message="locked")
    raw = request(type_, tags={"env": "prod", "team": "web"})
    with house_of(cloud) as house:
        house.work_at(raw)
        rows = {row["key"]: row for row in house.rows("chg-1")}
    assert rows["team"]["outcome"] == "failed"
    assert (rows["team"]["code"], rows["team"]["message"]) == ("RESOURCE_LOCKED", "locked")
    assert rows["env"]["outcome"] in {"removed", "absent"}
    assert labels_of(cloud, type_) == {"team": "web"}


@pytest.mark.parametrize("type_", [INSTANCE_TYPE, TABLE_TYPE, TOPIC_TYPE])
@pytest.mark.parametrize("rule", ["empty", "not_json", "truncate", "reset", "redirect", "other_ids"])
@pytest.mark.parametrize("operation", ["reading", "writing"])
def test_an_answer_that_cannot_be_believed_is_no_removal(
    cloud: GcpServer, type_: str, rule: str, operation: str
) -> None:
    put(cloud, type_)
    cloud.faults.add(rule, operation=operation)
    raw = request(type_)
    with house_of(cloud) as house:
        house.work_at(raw)
        assert "removed" not in house.outcomes("chg-1").values()


def test_a_write_whose_answer_is_lost_is_seen_to_be_done_and_its_value_is_known(cloud: GcpServer) -> None:
    put(cloud, BUCKET_TYPE)
    cloud.faults.add("reset", operation="writing", applied=True, times=1)
    with house_of(cloud) as house:
        house.batch(record(request(BUCKET_TYPE)))
        (row,) = house.rows("chg-1")
    assert (row["outcome"], row["was"]) == ("absent", "prod")


@pytest.mark.parametrize("rule", ["throttle", "unavailable"])
def test_what_passes_is_tried_again(cloud: GcpServer, rule: str) -> None:
    put(cloud, TOPIC_TYPE)
    cloud.faults.add(rule, times=2)
    with house_of(cloud) as house:
        house.batch(record(request(TOPIC_TYPE)))
        assert house.outcomes("chg-1") == {(TOPIC, "env"): "removed"}


def test_a_permission_that_is_missing_fails_the_pair_and_another_accounts_resource_is_no_absence(
    cloud: GcpServer,
) -> None:
    cloud.credentials["ya29.fake-other"] = Account("", domain_id="other-project", name="other")
    cloud.tags.load([{"account": "other", "type": BUCKET_TYPE, "id": BUCKET, "tags": {"env": "prod"}}])
    with house_of(cloud) as house:
        house.batch(record(request(BUCKET_TYPE)))
        assert house.outcomes("chg-1") == {(BUCKET, "env"): "failed"}
    assert cloud.environment["UNTAG_ACCOUNTS"] == "gcp/demo-project=default,gcp/other-project=other"


def test_a_token_that_is_refused_closes_the_account_and_loses_nothing(cloud: GcpServer) -> None:
    put(cloud, BUCKET_TYPE, TOPIC_TYPE)
    environ = {"GOOGLE_OAUTH_ACCESS_TOKEN": "ya29.expired"}
    with house_of(cloud, **environ) as house:
        house.batch(record(request(BUCKET_TYPE, TOPIC_TYPE)))
        assert house.rows("chg-1") == []
        assert "ya29.expired" not in f"{house.aws.messages()}"
    assert len(cloud.calls) == 1


FEDERATED = {
    "GOOGLE_OAUTH_ACCESS_TOKEN": "",
    "GOOGLE_WORKLOAD_AUDIENCE": "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/"
    "untag-pool/providers/untag-aws",
    "GOOGLE_SERVICE_ACCOUNT": "untag@demo-project.iam.gserviceaccount.com",
}


@pytest.fixture
def host_role(monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions' own role, which a provider reads from the process's own environment."""
    for name in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, ENVIRON[name])
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)


@pytest.fixture
def trusting(cloud: GcpServer, host_role: None) -> GcpServer:
    """A cloud whose pool trusts the key of the functions' own role."""
    cloud.tokens.keys = {ENVIRON["AWS_ACCESS_KEY_ID"]: Account(ENVIRON["AWS_SECRET_ACCESS_KEY"])}
    return cloud


def test_the_hosts_aws_role_gets_one_token_for_all_calls(trusting: GcpServer) -> None:
    put(trusting, *IDS)
    with house_of(trusting, **FEDERATED) as house:
        house.batch(record(request(*IDS)))
        assert set(house.outcomes("chg-1").values()) == {"removed"}
    operations = Counter(call.operation for call in trusting.calls)
    assert (operations["token"], operations["generateAccessToken"]) == (1, 1)
    tokens = {token for token, one in trusting.tokens.issued.items() if one.scope.endswith("cloud-platform")}
    assert {call.access_key for call in trusting.calls if call.writing} == tokens


def test_a_token_that_is_no_good_any_more_is_replaced(trusting: GcpServer) -> None:
    put(trusting, BUCKET_TYPE, TOPIC_TYPE)
    with house_of(trusting, **FEDERATED) as house:
        house.batch(record(request(BUCKET_TYPE)))
        trusting.tokens.issued.clear()
        house.batch(record(request(TOPIC_TYPE, id="chg-2")))
        assert set(house.outcomes("chg-2").values()) == {"removed"}
    assert [call.status for call in trusting.calls].count(401) == 1


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"GOOGLE_WORKLOAD_AUDIENCE": FEDERATED["GOOGLE_WORKLOAD_AUDIENCE"].replace("untag-pool", "other-pool")}, None),
        ({"GOOGLE_SERVICE_ACCOUNT": "admin@demo-project.iam.gserviceaccount.com"}, "failed"),
    ],
)
def test_a_wrong_audience_or_service_account_gets_no_token(
    trusting: GcpServer, changes: dict[str, str], outcome: str | None
) -> None:
    put(trusting, BUCKET_TYPE)
    with house_of(trusting, **{**FEDERATED, **changes}) as house:
        house.batch(record(request(BUCKET_TYPE)))
        assert set(house.outcomes("chg-1").values()) == ({outcome} if outcome else set())
    assert not any(call.operation == "get" for call in trusting.calls)
    assert labels_of(trusting, BUCKET_TYPE) == {"env": "prod", "team": "web"}


@pytest.mark.usefixtures("host_role")
@pytest.mark.parametrize("keys", [{}, {ENVIRON["AWS_ACCESS_KEY_ID"]: Account("another secret")}])
def test_a_role_that_the_pool_does_not_trust_closes_the_account(cloud: GcpServer, keys: dict[str, Account]) -> None:
    cloud.tokens.keys = keys
    put(cloud, BUCKET_TYPE)
    with house_of(cloud, **FEDERATED) as house:
        house.batch(record(request(BUCKET_TYPE)))
        (left,) = house.aws.messages()
    assert left["resources"] == [{"type": BUCKET_TYPE, "ids": [BUCKET]}]
    assert {call.code for call in cloud.calls} == {"invalid_grant"}


def test_a_value_that_somebody_sets_after_a_restore_of_ours_is_told_with_the_pair_that_it_holds_back(
    cloud: Shared,
) -> None:
    put(cloud, INSTANCE_TYPE, labels={})
    cloud.faults.add("partial", operation="setLabels", times=1, applied=True)
    number = iter(range(99))

    def change() -> None:
        if next(number) == 1:  # our write was carried out, and said to have failed
            cloud.tags.put("", INSTANCE_TYPE, INSTANCE, "env", "other")

    before_a_write(cloud, change, times=2)
    with house_of(cloud) as house:
        house.batch(record(request(INSTANCE_TYPE, tags={"env": "prod", "team": "web"}, action="restore")))
        rows = {row["key"]: (row["outcome"], row.get("code"), row.get("was")) for row in house.rows("chg-1")}
    assert rows == {"env": ("protected", "changed_since", "other"), "team": ("restored", None, None)}
    assert labels_of(cloud, INSTANCE_TYPE) == {"env": "other", "team": "web"}
