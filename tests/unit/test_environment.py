"""The environment: every variable read once, and a mistake that names the variable and never its value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import problems_of

from untag import environment
from untag.contracts import InvalidInputError
from untag.core import Policy, Rate
from untag.hosts.aws.settings import Places
from untag.providers import Options, Registry
from untag.settings import Settings

REQUIRED = {
    "UNTAG_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/work",
    "UNTAG_DEAD_LETTER_QUEUE_URL": "http://127.0.0.1:4566/123456789012/work-dead",
    "UNTAG_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:reports",
}


def read(environ):
    """Everything that is read before the first invocation."""
    return Places.from_environment(environ, continues=False), Settings.from_environment(environ)


def test_all_but_the_queues_and_the_topic_have_the_documented_defaults():
    settings = Settings.from_environment({})
    places = Places.from_environment(REQUIRED, continues=False)
    assert (places.queue_url, places.dead_letter_queue_url, places.topic_arn) == tuple(REQUIRED.values())
    assert (settings.credentials, settings.providers, settings.concurrency) == ("env", Options(), 32)
    assert settings.rate == Rate(None, 1)
    assert settings.policy == Policy(
        dry_run=False,
        protected_keys=(),
        max_pairs=1000,
        allowed_accounts=frozenset(),
        allowed_regions=frozenset(),
        allowed_types=frozenset(),
        max_attempts=10,
        max_age=24 * 3600.0,
    )


def test_every_variable_is_read():
    settings = Settings.from_environment(
        REQUIRED
        | {
            "UNTAG_CREDENTIALS": "secretsmanager:untag/prod",
            "UNTAG_DRY_RUN": "on",
            "UNTAG_READ_FIRST": "off",
            "UNTAG_PROTECTED_KEYS": "owner-*, cost ,",
            "UNTAG_MAX_PAIRS": "50",
            "UNTAG_ALLOWED_ACCOUNTS": "a,b",
            "UNTAG_ALLOWED_REGIONS": "cn-north-1",
            "UNTAG_ALLOWED_TYPES": "vm",
            "UNTAG_MAX_ATTEMPTS": "3",
            "UNTAG_MAX_AGE": "90m",
            "UNTAG_RATE": "2.5",
            "UNTAG_ENVIRONMENTS": "5",
            "UNTAG_CONCURRENCY": "8",
            "UNTAG_ENDPOINTS": "jdcloud.resourcetag=https://example.com:8443, huaweicloud.tms=http://127.0.0.1:1",
            "UNTAG_RESOURCES_PER_CALL": "huaweicloud.tms=50",
        }
    )
    assert (settings.credentials, settings.concurrency) == ("secretsmanager:untag/prod", 8)
    assert settings.providers == Options(
        read_first=False,
        endpoints={"jdcloud.resourcetag": "https://example.com:8443", "huaweicloud.tms": "http://127.0.0.1:1"},
        resources_per_call={"huaweicloud.tms": 50},
    )
    assert settings.rate == Rate(2.5, 5)
    assert settings.policy == Policy(
        dry_run=True,
        protected_keys=("owner-*", "cost"),
        max_pairs=50,
        allowed_accounts=frozenset({"a", "b"}),
        allowed_regions=frozenset({"cn-north-1"}),
        allowed_types=frozenset({"vm"}),
        max_attempts=3,
        max_age=5400.0,
    )


@pytest.mark.parametrize("variable", REQUIRED)
@pytest.mark.parametrize("value", [None, "", " "])
def test_a_variable_without_a_default_is_required(variable, value):
    environ = {name: text for name, text in REQUIRED.items() if name != variable}
    if value is not None:
        environ[variable] = value
    with pytest.raises(InvalidInputError) as error:
        Places.from_environment(environ, continues=False)
    assert problems_of(error) == {variable: "is required"}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("UNTAG_QUEUE_URL", "S3CRET"),
        ("UNTAG_QUEUE_URL", "https://S3CRET@sqs.eu-west-1.amazonaws.com/123456789012/work"),
        ("UNTAG_DEAD_LETTER_QUEUE_URL", "arn:aws:sqs:eu-west-1:123456789012:S3CRET"),
        ("UNTAG_TOPIC_ARN", "arn:aws:sqs:eu-west-1:123456789012:S3CRET"),
        ("UNTAG_CREDENTIALS", "S3CRET"),
        ("UNTAG_CREDENTIALS", "secretsmanager:"),
        ("UNTAG_CREDENTIALS", "secretsmanager:/S3CRET"),
        ("UNTAG_DRY_RUN", "S3CRET"),
        ("UNTAG_READ_FIRST", "2"),
        ("UNTAG_MAX_PAIRS", "0"),
        ("UNTAG_MAX_PAIRS", "100001"),
        ("UNTAG_MAX_PAIRS", "1.5"),
        ("UNTAG_MAX_PAIRS", "S3CRET"),
        ("UNTAG_MAX_ATTEMPTS", "-1"),
        ("UNTAG_MAX_AGE", "S3CRET"),
        ("UNTAG_MAX_AGE", "1w"),
        ("UNTAG_MAX_AGE", "-1h"),
        ("UNTAG_RATE", "S3CRET"),
        ("UNTAG_RATE", "0"),
        ("UNTAG_RATE", "0.000"),
        ("UNTAG_RATE", "100000.1"),
        ("UNTAG_RATE", "1e3"),
        ("UNTAG_RATE", "nan"),
        ("UNTAG_RATE", "٣"),
        ("UNTAG_ENVIRONMENTS", "0"),
        ("UNTAG_CONCURRENCY", "0"),
    ],
)
def test_a_mistake_names_the_variable_and_never_its_value(variable, value):
    with pytest.raises(InvalidInputError) as error:
        read(REQUIRED | {variable: value})
    assert set(problems_of(error)) == {variable}
    assert "S3CRET" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("24h", 86400), ("2d", 172_800), (" 24 H ", 86400)]
)
def test_a_duration_may_have_a_unit(text, seconds):
    assert environment.duration({"V": text}, "V", 1.0) == seconds


@pytest.mark.parametrize(("text", "value"), [("on", True), ("TRUE", True), ("1", True), ("no", False), ("Off", False)])
def test_a_switch_is_told_in_the_usual_words(text, value):
    assert environment.switch({"V": text}, "V", default=not value) is value


@pytest.mark.parametrize(
    "value",
    [
        "https://api.example.com",
        "https://api.example.com/",
        "https://api.example.com:8443",
        "http://127.0.0.1:4566",
        "http://localhost:1",
        "http://[::1]:4566",
    ],
)
def test_an_endpoint_is_https_or_this_machine(value):
    assert environment.endpoint({"V": value}, "V", "") == value.rstrip("/")


@pytest.mark.parametrize(
    "value",
    [
        "api.example.com",
        "http://api.example.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "ftp://127.0.0.1",
        "https://",
        "https:///path",
        "https://user@api.example.com",
        "https://user:S3CRET@api.example.com",
        "https://api.example.com/v1",
        "https://api.example.com?",
        "https://api.example.com?a=1",
        "https://api.example.com#",
        "https://api.example.com#a",
        "https://api.example.com\\@evil.example.com",
        "https://api.example.com:port",
        "https://api.example.com:99999999",
        "https://a b",
    ],
)
def test_what_is_no_endpoint_is_refused(value):
    with pytest.raises(InvalidInputError) as error:
        environment.endpoint({"V": value}, "V", "")
    assert set(problems_of(error)) == {"V"}
    assert "S3CRET" not in str(error.value)


@given(st.text("ab.:/@?#%\\[]-1 é") | st.text(st.characters(exclude_categories=["Cs"])))
def test_a_path_put_behind_any_accepted_endpoint_is_the_path_of_the_call(text):
    from urllib.parse import urlsplit

    try:
        found = environment.endpoint({"V": f"https://{text}"}, "V", "https://default")
    except InvalidInputError:
        return
    parts = urlsplit(f"{found}/v1/path")
    assert (parts.scheme, parts.path, parts.query, parts.fragment) == ("https", "/v1/path", "", "")
    assert "@" not in parts.netloc


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("UNTAG_ENDPOINTS", "jdcloud.resourcetag=http://example.com"),
        ("UNTAG_ENDPOINTS", "huaweicloud.config=example.com"),
        ("UNTAG_ENDPOINTS", "jdcloud.tags=https://example.com"),
        ("UNTAG_ENDPOINTS", "nobody.tags=https://example.com"),
        ("UNTAG_ENDPOINTS", "https://example.com"),
        ("UNTAG_RESOURCES_PER_CALL", "jdcloud.resourcetag=0"),
        ("UNTAG_RESOURCES_PER_CALL", "jdcloud.resourcetag=2000"),
        ("UNTAG_RESOURCES_PER_CALL", "jdcloud.resourcetag=0.5"),
        ("UNTAG_RESOURCES_PER_CALL", "7"),
    ],
)
def test_a_providers_variable_is_named_when_it_is_wrong(variable, value):
    with pytest.raises(InvalidInputError) as error:
        Settings.from_environment(REQUIRED | {variable: value})
    assert set(problems_of(error)) == {variable}


def test_providers_have_the_documented_defaults():
    jdcloud, huaweicloud = (
        Registry(Options(read_first=read_first)).tag_apis(name)[0]
        for name, read_first in (("jdcloud", True), ("huaweicloud", False))
    )
    assert (jdcloud.limits.resources, jdcloud.reads_first) == (50, True)
    assert (huaweicloud.limits.resources, huaweicloud.limits.keys, huaweicloud.reads_first) == (1, 20, False)
    sizes = {"UNTAG_RESOURCES_PER_CALL": "jdcloud.resourcetag=7,huaweicloud.tms=50"}
    fewer = Registry(Settings.from_environment(REQUIRED | sizes).providers)
    assert [provider.limits.resources for provider in fewer.tag_apis("huaweicloud")] == [1, 50]
    assert fewer.tag_apis("jdcloud")[0].limits.resources == 7
    assert fewer.tag_apis("huaweicloud")[0].reads_first
