"""What a rule compares with: literals, globs, regular expressions, dates."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from untag.sweep.patterns import Hit, Key, Value

KEY, VALUE = TypeAdapter(Key), TypeAdapter(Value)


def key(pattern):
    return KEY.validate_python(pattern)


def value(pattern):
    return VALUE.validate_python(pattern)


def moment(text):
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("env", "env", True),
        ("env", "Env", False),
        ("env*", "env-1", False),
        ({"glob": "env"}, "ENV", False),
        ({"glob": "env", "ignore_case": True}, "ENV", True),
        ({"glob": "owner-*"}, "owner-li", True),
        ({"glob": "owner-*"}, "co-owner-li", False),
        ({"glob": "tmp-[0-9]"}, "tmp-7", True),
        ({"glob": "部门*"}, "部门-1", True),
        ({"regex": "tmp-[0-9]+"}, "tmp-12", True),
        ({"regex": "tmp-[0-9]+"}, "my-tmp-12", False),
        ({"regex": "tmp-[0-9]+"}, "tmp-12\n", False),
        ({"regex": "a|b"}, "ab", False),
        ({"regex": "TMP-.", "ignore_case": True}, "tmp-x", True),
        ({"regex": r"\p{Han}+"}, "部门", True),
    ],
)
def test_a_pattern_describes_the_whole_text(pattern, text, expected):
    assert key(pattern).matches(text) is expected
    assert value(pattern).hit(text, 0.0) is (Hit.YES if expected else Hit.NO)


@pytest.mark.parametrize(
    "pattern",
    [
        {},
        None,
        7,
        {"glob": "a", "regex": "b"},
        {"glob": "a", "more": 1},
        {"ignore_case": True},
        {"glob": "a" * 257},
        {"regex": "("},
        {"regex": "(?=x)x"},
        {"regex": r"(a)\1"},
        {"regex": "a)|(?:b"},
        {"regex": "((a{100}){100}){100}"},
        {"expired": "%Y-%m-%d"},
    ],
)
def test_what_is_no_pattern_is_refused(pattern):
    with pytest.raises(ValidationError):
        key(pattern)


def test_a_refused_expression_is_told_why_and_not_repeated():
    with pytest.raises(ValidationError) as caught:
        key({"regex": "secret-(?=x)"})
    (error,) = caught.value.errors()
    assert "look-around" in error["msg"]
    assert "secret" not in error["msg"]


@pytest.mark.parametrize("expression", ["(a+)+", "(a|aa)+", "(.*a){20}", "(a*)*b", "(a|a)*"])
def test_an_expression_that_others_backtrack_on_for_ever_costs_no_more_than_its_text(expression):
    pattern = key({"regex": expression})
    began = time.perf_counter()
    for _ in range(100):
        pattern.matches("a" * 255 + "!")
    assert time.perf_counter() - began < 1.0


def test_a_glob_with_many_stars_costs_no_more_than_its_text():
    pattern = key({"glob": "*a" * 100 + "b"})
    began = time.perf_counter()
    assert not pattern.matches("a" * 255)
    assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize(
    ("pattern", "everything"),
    [
        ({"glob": "*"}, True),
        ({"glob": "?*"}, True),
        ({"regex": ".*"}, True),
        ({"regex": "(?s).+"}, True),
        ({"glob": "a*"}, False),
        ({"regex": "[a-z]*"}, False),
        ("q", False),
    ],
)
def test_a_pattern_that_leaves_nothing_out_is_known_as_such(pattern, everything):
    assert key(pattern).matches_everything() is everything


# Dates.

DATE = {"expired": "%Y-%m-%d", "timezone": "Asia/Shanghai"}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-05-31T00:00:00+08:00", Hit.NO),
        ("2026-05-31T23:59:59+08:00", Hit.NO),
        ("2026-05-31T16:00:00+00:00", Hit.YES),  # midnight in Shanghai
        ("2027-01-01T00:00:00+08:00", Hit.YES),
    ],
)
@pytest.mark.parametrize("zone", ["Asia/Shanghai", "+08:00"])
def test_a_day_lies_in_the_past_once_it_is_over_where_the_rule_says(now, expected, zone):
    assert value({**DATE, "timezone": zone}).hit("2026-05-31", moment(now)) is expected


def test_without_a_zone_a_day_ends_in_utc():
    pattern = value({"expired": "%Y-%m-%d"})
    assert pattern.hit("2026-05-31", moment("2026-05-31T23:59:59+00:00")) is Hit.NO
    assert pattern.hit("2026-05-31", moment("2026-06-01T00:00:00+00:00")) is Hit.YES


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin"])
@pytest.mark.parametrize("day", ["2026-03-08", "2026-11-01", "2026-03-29", "2026-10-25"])
def test_a_day_on_which_the_clocks_change_ends_at_midnight_as_any_other(zone, day):
    from zoneinfo import ZoneInfo

    end = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)) + timedelta(days=1)  # by the wall clock
    pattern = value({"expired": "%Y-%m-%d", "timezone": zone})
    assert pattern.hit(day, end.timestamp() - 1) is Hit.NO
    assert pattern.hit(day, end.timestamp()) is Hit.YES


def test_a_date_with_a_time_lies_in_the_past_from_that_moment_on():
    pattern = value({"expired": "%Y-%m-%dT%H:%M", "timezone": "+08:00"})
    assert pattern.hit("2026-05-31T12:00", moment("2026-05-31T11:59:59+08:00")) is Hit.NO
    assert pattern.hit("2026-05-31T12:00", moment("2026-05-31T12:00:00+08:00")) is Hit.YES


def test_a_date_with_a_zone_of_its_own_keeps_it():
    pattern = value({"expired": "%Y-%m-%dT%H:%M%z", "timezone": "+08:00"})
    assert pattern.hit("2026-05-31T12:00+00:00", moment("2026-05-31T12:00:00+08:00")) is Hit.NO
    assert pattern.hit("2026-05-31T12:00+00:00", moment("2026-05-31T12:00:00+00:00")) is Hit.YES


@pytest.mark.parametrize(
    "text",
    [
        "",
        "never",
        "2026-13-01",
        "2026-02-30",
        "31.05.2026",
        "2026-05-31 ",
        "2026-05-31T00:00",
        "99999-01-01",
        "x" * 255,
    ],
)
def test_a_date_that_is_none_is_neither_past_nor_to_come(text):
    assert value(DATE).hit(text, moment("2030-01-01T00:00:00+00:00")) is Hit.NOT_A_DATE


def test_the_first_and_the_last_day_that_there_is_break_nothing():
    assert value(DATE).hit("0001-01-01", 1.8e9) in (Hit.YES, Hit.NO)
    assert value(DATE).hit("9999-12-31", 1.8e9) is Hit.NO


@pytest.mark.parametrize(
    "pattern",
    [
        {"expired": ""},
        {"expired": "never"},
        {"expired": "%m-%d"},
        {"expired": "%Y"},
        {"expired": "%Y-%m"},
        {"expired": "%Y-%Y-%m-%d"},
        {"expired": "%Y-%m-%d %Q"},
        {"expired": "%Y-%m-%d%"},
        {"expired": "%c"},
        {"expired": "%Y-%m-%d %Z"},
        {"expired": "%Y-%m-%d", "timezone": "Nowhere/Land"},
        {"expired": "%Y-%m-%d", "timezone": "../../etc/passwd"},
        {"expired": "%Y-%m-%d", "timezone": "/etc/localtime"},
        {"expired": "%Y-%m-%d", "timezone": "Asia"},
        {"expired": "%Y-%m-%d", "timezone": "+25:00"},
        {"expired": "%Y-%m-%d", "glob": "*"},
        {"timezone": "UTC", "glob": "x"},
    ],
)
def test_what_says_no_day_or_no_zone_is_refused(pattern):
    with pytest.raises(ValidationError):
        value(pattern)


@given(st.datetimes(min_value=datetime(1980, 1, 1), max_value=datetime(2100, 1, 1)), st.integers(-400, 400))  # noqa: DTZ001
def test_a_day_is_past_exactly_when_a_later_one_has_begun(day, offset):
    now = (day + timedelta(days=offset)).replace(tzinfo=UTC)
    hit = value({"expired": "%Y-%m-%d"}).hit(f"{day:%Y-%m-%d}", now.timestamp())
    assert hit is (Hit.YES if day.date() < now.date() else Hit.NO)


@given(st.text(max_size=60))
def test_no_text_breaks_a_comparison(text):
    assert value(DATE).hit(text, 1.8e9) in set(Hit)
    assert key({"regex": "[a-z]+"}).matches(text) in (True, False)
    assert key(text).matches(text)
