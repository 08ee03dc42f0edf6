"""Rules that reach far: many keys, all tags but some, several accounts, every type."""

import json

import pytest
from changed_providers import with_listings_of
from sweep_support import JD, PROJECT, TMS, Broom, asked_of, many

from local.providers import Account, JdcloudServer
from untag.contracts import InvalidInputError
from untag.sweep.state import read_sweep

FORTY = [f"legacy-{n:02d}" for n in range(40)]


def refusal(**changes):
    with pytest.raises(InvalidInputError) as caught:
        read_sweep({"rules": [{**JD, **changes}]}, "own")
    return {problem.path: problem.message for problem in caught.value.problems}


# Lists of keys.


def test_a_list_of_keys_means_each_of_them_and_no_other(broom):
    broom.put(broom.jd, {"r-1": {"a": "1", "b": "2", "env": "x"}, "r-2": {"b": "3"}, "r-3": {"A": "4", "ab": "5"}})
    notice = broom.sweep({**JD, "match": {"key": ["a", "b", "never-used"]}})
    assert broom.asked() == {("r-1", "a", "1"), ("r-1", "b", "2"), ("r-2", "b", "3")}
    assert notice["counts"]["matched"] == 2


def test_keys_of_a_list_that_are_not_in_use_cost_no_listing(broom):
    broom.put(broom.jd, {"r-1": {"a": "1"}})
    broom.sweep({**JD, "match": {"key": [*FORTY, "a"]}})
    assert asked_of(broom.jd) == ["describeKeys", "describeResources"]


@pytest.mark.parametrize("dry_run", [False, True])
def test_forty_keys_cost_one_listing_where_a_cloud_lists_all_keys_at_once(broom, dry_run):
    broom.put(broom.jd, {f"r-{n:03d}": {key: "x", "env": "prod"} for n, key in enumerate(FORTY * 5)})
    broom.put(broom.jd, {"other": {"env": "prod"}})
    notice = broom.sweep({**JD, "match": {"key": FORTY}}, dry_run=dry_run)
    assert asked_of(broom.jd) == ["describeKeys", "describeResources"]
    assert broom.asked() == {(f"r-{n:03d}", key, "x") for n, key in enumerate(FORTY * 5)}
    assert (notice["status"], notice["counts"]["seen"], notice["counts"]["matched"]) == ("succeeded", 201, 200)


def test_a_listing_of_all_keys_that_is_too_large_is_made_key_by_key():
    with Broom(changed=[with_listings_of(8_000)]) as broom:
        broom.put(broom.jd, {f"r-{n:03d}": {key: "x"} for n, key in enumerate(FORTY * 5)})
        notice = broom.sweep({**JD, "match": {"key": FORTY}})
        assert len(broom.asked()) == 200
        assert notice["status"] == "succeeded"
        assert asked_of(broom.jd).count("describeResources") == 41


def test_a_listing_of_all_keys_goes_on_where_the_invocation_before_ended():
    with Broom(seconds=40.0) as broom:
        broom.put(broom.jd, {f"r-{n:05d}": {key: "x"} for n, key in enumerate(FORTY * 150)})
        broom.sweep({**JD, "match": {"key": FORTY}})
        assert len(broom.asked()) == 6000
        assert len(broom.requests()) == len({body["id"] for body in broom.requests()})


def test_keys_of_a_list_may_be_named_without_regard_to_case(broom):
    broom.put(broom.jd, {"r-1": {"Owner": "1", "TEAM": "2"}, "r-2": {"team-2": "3"}})
    broom.sweep({**JD, "match": {"key": {"literals": ["owner", "team"], "ignore_case": True}}})
    assert broom.asked() == {("r-1", "Owner", "1"), ("r-1", "TEAM", "2")}


def test_what_is_removed_may_be_a_list_of_keys_beside_patterns(broom):
    broom.put(broom.jd, {"r-1": {"tmp": "x", "a": "1", "b": "2", "owner-1": "3", "env": "4"}})
    broom.sweep({**JD, "remove": [["a", "b"], {"glob": "owner-*"}]})
    assert broom.asked() == {("r-1", "a", "1"), ("r-1", "b", "2"), ("r-1", "owner-1", "3")}


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"match": {"key": []}}, "rules.0.match.key.literals"),
        ({"match": {"key": ["a", 7]}}, "rules.0.match.key.literals.1"),
        ({"match": {"key": ["x" * 257]}}, "rules.0.match.key.literals.0"),
        ({"match": {"key": [str(n) for n in range(101)]}}, "rules.0.match.key.literals"),
        ({"match": {"key": {"literals": ["a"], "literal": "b"}}}, "rules.0.match.key"),
        ({"match": {"key": "a", "value": ["a", "b"]}}, "rules.0.match.value"),
        ({"remove": ["a", []]}, "rules.0.remove.1.literals"),
        ({"remove": {"except": []}, "limit": 1}, "rules.0.remove.except"),
        ({"remove": {"except": [{"regex": "("}]}, "limit": 1}, "rules.0.remove.except.0"),
        ({"remove": {"but": ["a"]}, "limit": 1}, "rules.0.remove.except"),
        ({"remove": "a"}, "rules.0.remove"),
        ({"remove": {"except": ["a"]}}, "rules.0"),
        ({"remove": {"except": ["a"]}, "limit": 1, "types": "all"}, "rules.0"),
        ({"accounts": []}, "rules.0.accounts"),
        ({"accounts": ["a/b"]}, "rules.0.accounts.0"),
        ({"accounts": ["a"], "account": "b"}, "rules.0"),
        ({"types": "vm"}, "rules.0.types"),
        ({"types": ["all", "vm"]}, "rules.0"),
    ],
)
def test_what_a_wide_rule_may_not_say_is_refused_by_path(changes, path):
    assert path in refusal(**changes)


# All tags but some.


def test_all_tags_but_those_that_are_kept_go_and_protected_ones_stay():
    with Broom(environ={"UNTAG_PROTECTED_KEYS": "cost-*"}) as broom:
        broom.put(
            broom.jd,
            {
                "r-1": {"env": "prod", "cost-center": "7", "owner-1": "li", "old": "1", "older": "2", "jrn:x": "y"},
                "r-2": {"env": "prod"},
                "r-3": {"old": "3"},
            },
        )
        rule = {**JD, "match": {"key": {"glob": "*"}}, "remove": {"except": ["env", {"glob": "owner-*"}]}, "limit": 10}
        notice = broom.sweep(rule)
        assert broom.asked() == {("r-1", "old", "1"), ("r-1", "older", "2"), ("r-3", "old", "3")}
        assert notice["status"] == "succeeded"
        assert asked_of(broom.jd) == ["describeResources"]
        broom.remove()
        assert broom.jd.tags.get("default", "cn-north-1", "vm", "r-1") == {
            "env": "prod",
            "cost-center": "7",
            "owner-1": "li",
            "jrn:x": "y",
        }


def test_what_is_kept_may_be_a_list_and_only_matching_resources_are_touched(broom):
    broom.put(broom.jd, {"r-1": {"tmp": "x", "a": "1", "b": "2", "c": "3"}, "r-2": {"a": "1"}})
    broom.sweep({**JD, "remove": {"except": [["a", "b"]]}, "limit": 5})
    assert broom.asked() == {("r-1", "tmp", "x"), ("r-1", "c", "3")}


def test_a_limit_holds_for_all_tags_but_some(broom):
    broom.put(broom.jd, many(50, tmp="x", env="prod"))
    notice = broom.sweep({**JD, "remove": {"except": ["env"]}, "limit": 20})
    assert len(broom.asked()) == 20
    assert notice["details"][0]["counts"]["limit_reached"] == 1


# Accounts.


def test_a_rule_looks_at_each_of_its_accounts(tmp_path):
    accounts = {"FAKEJDKEY": Account("fake-jd-secret"), "FAKEBLUEKEY": Account("fake-blue", name="blue")}
    server = JdcloudServer(accounts)
    secrets = tmp_path / "secrets.json"
    named = {
        f"jdcloud/{account.name}": {"access_key": key, "secret_key": account.secret_key}
        for key, account in accounts.items()
    }
    secrets.write_text(json.dumps(named))
    with Broom(environ={"UNTAG_CREDENTIALS": f"file:{secrets}"}, jd=server) as broom:
        for account in ("default", "blue"):
            place = {"account": account, "region": "cn-north-1", "type": "vm"}
            server.tags.load([{**place, "id": f"r-{account}", "tags": {"tmp": account}}])
        notice = broom.sweep({**JD, "accounts": ["default", "blue", "default"]})
        assert broom.asked() == {("r-default", "tmp", "default"), ("r-blue", "tmp", "blue")}
        assert {body["account"] for body in broom.requests()} == {"default", "blue"}
        assert (notice["account"], notice["details"][0]["account"]) == (None, "default,blue")
        assert {body["batch"] for body in broom.requests()} == {"sweep-1"} == {notice["batch"]}


def test_an_account_that_fails_does_not_keep_the_others_from_being_swept(broom):
    broom.put(broom.jd, {"r-1": {"tmp": "x"}})
    notice = broom.sweep({**JD, "accounts": ["unknown", "default"]})
    assert broom.asked() == {("r-1", "tmp", "x")}
    assert notice["status"] == "partial"
    assert [error["account"] for error in notice["details"][0]["errors"]] == ["unknown"]


# Every type.


def test_every_type_is_listed_at_once_and_each_resource_is_asked_for_by_its_own(broom):
    broom.put(broom.jd, {"i-1": {"tmp": "1"}}, "vm")
    broom.put(broom.jd, {"vol-1": {"tmp": "2"}, "vol-2": {"env": "x"}}, "disk")
    notice = broom.sweep({**JD, "types": "all"})
    assert asked_of(broom.jd) == ["describeResources"]
    asked = {(group["type"], id_) for body in broom.requests() for group in body["resources"] for id_ in group["ids"]}
    assert asked == {("vm", "i-1"), ("disk", "vol-1")}
    assert notice["counts"]["pairs"] == 2
    broom.remove()
    assert broom.jd.tags.get("default", "cn-north-1", "disk", "vol-1") == {}


def test_of_every_type_only_those_that_the_stack_allows_are_asked_for():
    with Broom(environ={"UNTAG_ALLOWED_TYPES": "disk"}) as broom:
        broom.put(broom.jd, {"i-1": {"tmp": "1"}}, "vm")
        broom.put(broom.jd, {"vol-1": {"tmp": "2"}}, "disk")
        notice = broom.sweep({**JD, "types": "all"})
        assert broom.asked() == {("vol-1", "tmp", "2")}
        assert notice["counts"]["type_not_allowed"] == 1


def test_an_id_that_two_types_share_is_an_error_and_never_mixed_up(broom):
    broom.put(broom.jd, {"same": {"tmp": "1"}}, "vm")
    broom.put(broom.jd, {"same": {"tmp": "2"}}, "disk")
    notice = broom.sweep({**JD, "types": "all"})
    assert broom.requests() == []
    (error,) = notice["details"][0]["errors"]
    assert (error["code"], error["message"]) == (
        "ambiguous_ids",
        "resources of two types have the same id: write the types as a list",
    )


def test_a_cloud_that_cannot_list_every_type_refuses_and_says_what_to_write(broom):
    assert broom.invoke({"id": "s", "rules": [{**TMS, "types": "all"}]}) == []
    (report,) = broom.aws.reports
    assert report["errors"] == [
        {"path": "rules.0.types", "message": "huaweicloud has no listing of every type: write the types as a list"}
    ]
    assert PROJECT not in json.dumps(broom.aws.messages())
