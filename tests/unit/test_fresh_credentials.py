"""A secret that changes takes effect within five minutes, and a throttle slows the account whoever tells of it."""

from typing import Any

from service_house import House, jd_request, put, record, tms_request

SECRETS = {"UNTAG_CREDENTIALS": "secretsmanager:untag"}
FIVE_MINUTES = 300.0


def keys(house: House, **more: Any) -> dict[str, Any]:
    return {
        "access_key": house.environ["JDCLOUD_ACCESS_KEY"],
        "secret_key": house.environ["JDCLOUD_SECRET_KEY"],
        **more,
    }


def test_a_secret_that_was_taken_away_is_not_used_after_five_minutes() -> None:
    with House(environ=SECRETS) as house:
        house.aws.secrets["untag/jdcloud/default"] = keys(house)
        put(house.jd, "i-1", "i-2")
        house.batch(record(jd_request("i-1", id_="a")))
        del house.aws.secrets["untag/jdcloud/default"]
        house.clock.seconds += FIVE_MINUTES
        house.batch(record(jd_request("i-2", id_="b")))
        assert house.outcomes("a") == {("i-1", "env"): "removed"}
        (row,) = house.rows("b")
        assert (row["outcome"], row["code"]) == ("failed", "no_credentials")


def test_rotated_credentials_are_used_after_five_minutes_though_the_old_ones_were_never_refused() -> None:
    with House(environ=SECRETS) as house:
        house.aws.secrets["untag/jdcloud/default"] = keys(house)
        put(house.jd, "i-1", "i-2", "i-3")
        house.batch(record(jd_request("i-1", id_="a")))
        house.aws.secrets["untag/jdcloud/default"] = keys(house, secret_key="not-known-to-the-cloud")
        house.clock.seconds += FIVE_MINUTES - 1.0
        house.batch(record(jd_request("i-2", id_="b")))
        assert house.outcomes("b") == {("i-2", "env"): "removed"}
        house.clock.seconds += 2.0
        house.batch(record(jd_request("i-3", id_="c")))
        assert [call.status for call in house.jd.calls][-1] == 401


def test_a_rate_and_projects_that_change_take_effect_and_a_secret_is_read_once_in_five_minutes() -> None:
    with House(environ=SECRETS) as house:
        secret = {**{k: v for k, v in house.tms.secrets["default"].items() if v}, "rate": "2"}
        house.aws.secrets["untag/huaweicloud/default"] = secret
        ids = [f"i-{n}" for n in range(9)]
        put(house.tms, *ids)
        house.batch(record(tms_request(*ids[:6], id_="a", dry_run=True)))
        slow = house.took
        assert slow > 0.9
        house.aws.secrets["untag/huaweicloud/default"] = {**secret, "rate": 1000}
        house.clock.seconds += FIVE_MINUTES
        house.batch(record(tms_request(*ids[6:7], id_="warm", dry_run=True)))
        for _ in range(3):
            house.batch(record(tms_request(*ids, id_="b", dry_run=True)))
        assert house.took < slow / 5
        assert len(house.aws.made("GetSecretValue")) == 2


def test_a_throttle_told_for_one_resource_inside_a_success_slows_the_account() -> None:
    ids = [f"i-{n}" for n in range(40)]
    with House(environ={"UNTAG_RATE": "20"}) as house:
        put(house.tms, *ids)
        house.batch(record(tms_request(*ids[:20], id_="plain")))
        plain = house.took
        house.tms.faults.add("partial", ids=[ids[20]], code="TMS.0006")
        house.batch(record(tms_request(ids[20], id_="throttled")))
        house.batch(record(tms_request(*ids[21:], id_="after")))
        assert house.took > plain * 1.5
