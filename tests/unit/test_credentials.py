"""The clouds' keys: out of the environment or out of Secrets Manager, and never into a message."""

import json
from functools import partial

import httpx
import pytest
from support import ACCESS_KEY, KEY, SECRET_KEY, TOKEN, SleepingClock, Wire, run

from untag.core import CredentialsMissingError, CredentialsUnavailableError
from untag.core.credential_sources import environment_credentials, file_credentials
from untag.hosts.aws.client import Aws
from untag.hosts.aws.host import Lambda
from untag.hosts.aws.secrets import secret_credentials
from untag.providers.huaweicloud.config import HuaweiConfig
from untag.providers.jdcloud.credentials import JDCloudCredentials
from untag.providers.jdcloud.resourcetag import JDCloud

AWS = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "aws-secret"}
PLACES = {
    "UNTAG_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/work",
    "UNTAG_DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead",
    "UNTAG_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:reports",
}
SECRET = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
HUAWEI_ENV = {
    "HUAWEICLOUD_SDK_AK": ACCESS_KEY,
    "HUAWEICLOUD_SDK_SK": SECRET_KEY,
    "HUAWEICLOUD_SDK_DOMAIN_ID": "d0ma1n",
    "HUAWEICLOUD_SDK_SECURITY_TOKEN": TOKEN,
}


def answer(secret):
    text = secret if isinstance(secret, str) else json.dumps(secret)
    return httpx.Response(200, json={"Name": "n", "SecretString": text})


def refusal(code, status=400):
    return httpx.Response(status, json={"__type": code, "message": f"{SECRET_KEY} is not for you"})


def asked(wire, calls=1, *, provider=None):
    """The results of as many calls to secret_credentials, one after the other; exceptions as values."""
    clock = SleepingClock()

    async def ask():
        results = []
        async with wire.client() as client:
            aws = Aws(AWS, client, clock.timing)
            for _ in range(calls):
                try:
                    results.append(await secret_credentials(aws, "untag", provider or JDCloud(), "default"))
                except (CredentialsMissingError, CredentialsUnavailableError) as error:
                    results.append(error)
        return results

    return run(ask())


def test_the_environment_holds_the_default_account_of_each_provider():
    environ = HUAWEI_ENV | {"JDCLOUD_ACCESS_KEY": "jd", "JDCLOUD_SECRET_KEY": "secret"}
    assert run(environment_credentials(environ, JDCloud(), "default")) == JDCloudCredentials(
        access_key="jd", secret_key="secret"
    )
    assert run(environment_credentials(environ, HuaweiConfig(), "default")) == KEY


def test_the_environment_holds_no_other_account():
    with pytest.raises(CredentialsMissingError, match="account other"):
        run(environment_credentials(HUAWEI_ENV, HuaweiConfig(), "other"))


def test_variables_that_are_not_set_are_named():
    environ = HUAWEI_ENV | {"HUAWEICLOUD_SDK_DOMAIN_ID": ""}
    with pytest.raises(CredentialsMissingError) as error:
        run(environment_credentials(environ, HuaweiConfig(), "default"))
    assert str(error.value) == "not set: HUAWEICLOUD_SDK_DOMAIN_ID"


@pytest.mark.parametrize("value", ["kéy", "key\n", "key\x00", "ключ"])
def test_a_variable_that_no_header_can_hold_is_named_and_not_shown(value):
    with pytest.raises(CredentialsMissingError) as error:
        run(environment_credentials(HUAWEI_ENV | {"HUAWEICLOUD_SDK_AK": value}, HuaweiConfig(), "default"))
    assert str(error.value) == "should be a printable ASCII text: HUAWEICLOUD_SDK_AK"


def test_a_secret_is_found_under_prefix_provider_and_account():
    wire = Wire(answer(SECRET | {"security_token": TOKEN, "domain_id": "d", "projects": {"r": "p"}, "rate": 2}))
    (key,) = asked(wire, provider=HuaweiConfig())
    assert key == KEY.model_copy(update={"domain_id": "d", "projects": {"r": "p"}, "rate": 2.0})
    assert json.loads(wire.requests[0].content) == {"SecretId": "untag/huaweicloud/default"}
    assert wire.requests[0].headers["x-amz-target"] == "secretsmanager.GetSecretValue"


def test_a_number_that_the_console_wrote_as_a_text_is_taken_as_the_number():
    keys = asked(Wire(answer(SECRET | {"rate": "5"}), answer(SECRET | {"rate": " 0.5 "})), 2)
    assert [key.rate for key in keys] == [5.0, 0.5]


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "not json",
        "[]",
        "1",
        json.dumps(SECRET)[:-1] + f', "access_key": "{SECRET_KEY}"}}',
        {"access_key": ACCESS_KEY},
        SECRET | {"secret_key": ""},
        SECRET | {"secret_key": None},
        SECRET | {"access_key": 7},
        SECRET | {"secret_key": f"{SECRET_KEY}\n"},
        SECRET | {"security_token": f"{TOKEN}é"},
        SECRET | {SECRET_KEY: ACCESS_KEY},
        SECRET | {"projects": ["p"]},
        SECRET | {"projects": {"r": 1}},
        SECRET | {"rate": 0},
        SECRET | {"rate": -1},
        SECRET | {"rate": True},
        SECRET | {"rate": "0"},
        SECRET | {"rate": "ten"},
        SECRET | {"rate": "1e9"},
        SECRET | {"rate": 10**400},
    ],
    ids=range(21),
)
def test_a_secret_that_is_no_key_is_missing_and_nothing_of_it_is_told(secret):
    (error,) = asked(Wire(answer(secret)))
    assert isinstance(error, CredentialsMissingError)
    assert str(error).startswith("secret untag/jdcloud/default: ")
    assert not any(text in str(error) for text in (ACCESS_KEY, SECRET_KEY, TOKEN))


def test_a_field_that_a_provider_cannot_do_without_is_named():
    (error,) = asked(Wire(answer(SECRET)), provider=HuaweiConfig())
    assert str(error) == "secret untag/huaweicloud/default: domain_id: is required"


def test_a_binary_secret_is_no_key():
    (error,) = asked(Wire(httpx.Response(200, json={"SecretBinary": "AAAA"})))
    assert isinstance(error, CredentialsMissingError)


@pytest.mark.parametrize(
    "code", ["AccessDeniedException", "ResourceNotFoundException", "InvalidRequestException", "DecryptionFailure"]
)
def test_a_secret_that_is_denied_or_not_there_is_missing(code):
    (error,) = asked(Wire(refusal(code)))
    assert isinstance(error, CredentialsMissingError)
    assert str(error) == f"secret untag/jdcloud/default: {code}"


@pytest.mark.parametrize(
    "trouble",
    [
        refusal("InternalServiceError", 500),
        refusal("ThrottlingException"),
        httpx.ConnectError("down"),
        httpx.Response(502),
    ],
    ids=["500", "throttled", "down", "502"],
)
def test_a_secret_that_cannot_be_read_now_is_only_unavailable(trouble):
    (error,) = asked(Wire(trouble))
    assert isinstance(error, CredentialsUnavailableError)
    assert SECRET_KEY not in str(error)


def test_what_failed_is_not_kept():
    wire = Wire(refusal("AccessDeniedException"), answer(SECRET))
    error, key = asked(wire, 2)
    assert isinstance(error, CredentialsMissingError)
    assert key.access_key == ACCESS_KEY


def file_with(tmp_path, content):
    path = tmp_path / "credentials.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return partial(file_credentials, path)


def test_a_file_holds_every_account_by_provider_and_name_and_is_read_as_it_is_now(tmp_path):
    held = file_with(tmp_path, {"jdcloud/default": SECRET, "jdcloud/prod": SECRET | {"access_key": "AK2", "rate": "3"}})
    assert run(held(JDCloud(), "default")) == JDCloudCredentials(access_key=ACCESS_KEY, secret_key=SECRET_KEY)
    assert run(held(JDCloud(), "prod")) == JDCloudCredentials(access_key="AK2", secret_key=SECRET_KEY, rate=3.0)
    file_with(tmp_path, "\ufeff" + json.dumps({"jdcloud/default": SECRET | {"access_key": "AK3"}}))
    assert run(held(JDCloud(), "default")).access_key == "AK3"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file or directory"),
        ("{", "not JSON: Expecting property name enclosed in double quotes at character 1"),
        ([], "holds no jdcloud/default"),
        ({"jdcloud/other": SECRET}, "holds no jdcloud/default"),
        ({"jdcloud/default": {"access_key": SECRET_KEY}}, "jdcloud/default: secret_key: is required"),
    ],
)
def test_a_file_without_the_account_is_named_with_what_is_wrong_and_shows_no_secret(tmp_path, content, message):
    if content is not None:
        file_with(tmp_path, content)
    held = partial(file_credentials, tmp_path / "credentials.json")
    with pytest.raises(CredentialsMissingError) as error:
        run(held(JDCloud(), "default"))
    assert str(error.value) == f"file {tmp_path / 'credentials.json'}: {message}"
    assert SECRET_KEY not in str(error.value)


@pytest.mark.parametrize(
    ("setting", "source"),
    [
        ("env", environment_credentials),
        ("secretsmanager:untag", secret_credentials),
        ("secretsmanager:u/", secret_credentials),
        ("file:/a b", file_credentials),
    ],
)
def test_the_setting_names_the_source(setting, source):
    assert Lambda(AWS | PLACES, continues=False).credentials(setting).func is source
