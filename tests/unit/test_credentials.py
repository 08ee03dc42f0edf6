"""The clouds' keys: out of the environment or out of Secrets Manager, and never into a message."""

import json

import httpx
import pytest
from support import ACCESS_KEY, SECRET_KEY, TOKEN, Clock, Wire, run

from untag.aws import Aws, Keys
from untag.core import CredentialsMissingError, CredentialsUnavailableError
from untag.credentials import TTL_SECONDS, EnvironmentKeys, SecretKeys, source_of
from untag.providers.huaweicloud_config import HuaweiConfig
from untag.providers.jdcloud import JDCloud
from untag.signing import Credentials

AWS = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "aws-secret"}
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


def asked(wire, *calls, provider=None, clock=None):
    """The results of calls to SecretKeys.get, one after the other; exceptions as values."""
    clock = clock or Clock()

    async def ask():
        results = []
        async with wire.client() as client:
            keys = SecretKeys(Aws(AWS, client, Keys(AWS, client, clock.timing), clock.timing), "untag", clock.timing)
            for call in calls:
                if isinstance(call, float):
                    clock.time += call
                    continue
                try:
                    results.append(await keys.get(provider or JDCloud(), "default", **call))
                except (CredentialsMissingError, CredentialsUnavailableError) as error:
                    results.append(error)
        return results

    return run(ask())


def test_the_environment_holds_the_default_account_of_each_provider():
    keys = EnvironmentKeys(HUAWEI_ENV | {"JDCLOUD_ACCESS_KEY": "jd", "JDCLOUD_SECRET_KEY": "secret"})
    assert run(keys.get(JDCloud(), "default")) == Credentials("jd", "secret")
    assert run(keys.get(HuaweiConfig(), "default", fresh=True)) == Credentials(
        ACCESS_KEY, SECRET_KEY, security_token=TOKEN, domain_id="d0ma1n"
    )


def test_the_environment_holds_no_other_account():
    with pytest.raises(CredentialsMissingError, match="account other"):
        run(EnvironmentKeys(HUAWEI_ENV).get(HuaweiConfig(), "other"))


def test_variables_that_are_not_set_are_named():
    environ = HUAWEI_ENV | {"HUAWEICLOUD_SDK_DOMAIN_ID": ""}
    with pytest.raises(CredentialsMissingError) as error:
        run(EnvironmentKeys(environ).get(HuaweiConfig(), "default"))
    assert str(error.value) == "not set: HUAWEICLOUD_SDK_DOMAIN_ID"


@pytest.mark.parametrize("value", ["kéy", "key\n", "key\x00", "ключ"])
def test_a_variable_that_no_header_can_hold_is_named_and_not_shown(value):
    with pytest.raises(CredentialsMissingError) as error:
        run(EnvironmentKeys(HUAWEI_ENV | {"HUAWEICLOUD_SDK_AK": value}).get(HuaweiConfig(), "default"))
    assert str(error.value) == "should be a printable ASCII text: HUAWEICLOUD_SDK_AK"


def test_a_secret_is_found_under_prefix_provider_and_account():
    wire = Wire(answer(SECRET | {"security_token": TOKEN, "domain_id": "d", "projects": {"r": "p"}, "rate": 2}))
    (key,) = asked(wire, {}, provider=HuaweiConfig())
    assert key == Credentials(ACCESS_KEY, SECRET_KEY, security_token=TOKEN, domain_id="d", projects={"r": "p"}, rate=2)
    assert json.loads(wire.requests[0].content) == {"SecretId": "untag/huaweicloud/default"}
    assert wire.requests[0].headers["x-amz-target"] == "secretsmanager.GetSecretValue"


def test_a_secret_is_kept_for_a_while_and_read_again_when_it_is_old_or_refused():
    wire = Wire(answer(SECRET), answer(SECRET | {"access_key": "second"}), answer(SECRET | {"access_key": "third"}))
    first, again, fresh, old = asked(wire, {}, TTL_SECONDS - 1.0, {}, {"fresh": True}, TTL_SECONDS, {})
    assert first is again
    assert (first.access_key, fresh.access_key, old.access_key) == (ACCESS_KEY, "second", "third")


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
        SECRET | {"rate": "10"},
        SECRET | {"rate": 10**400},
    ],
    ids=range(19),
)
def test_a_secret_that_is_no_key_is_missing_and_nothing_of_it_is_told(secret):
    (error,) = asked(Wire(answer(secret)), {})
    assert isinstance(error, CredentialsMissingError)
    assert str(error).startswith("secret untag/jdcloud/default: ")
    assert not any(text in str(error) for text in (ACCESS_KEY, SECRET_KEY, TOKEN))


def test_a_field_that_a_provider_cannot_do_without_is_named():
    (error,) = asked(Wire(answer(SECRET)), {}, provider=HuaweiConfig())
    assert str(error) == "secret untag/huaweicloud/default: domain_id: is required"


def test_a_binary_secret_is_no_key():
    (error,) = asked(Wire(httpx.Response(200, json={"SecretBinary": "AAAA"})), {})
    assert isinstance(error, CredentialsMissingError)


@pytest.mark.parametrize(
    "code", ["AccessDeniedException", "ResourceNotFoundException", "InvalidRequestException", "DecryptionFailure"]
)
def test_a_secret_that_is_denied_or_not_there_is_missing(code):
    (error,) = asked(Wire(refusal(code)), {})
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
    (error,) = asked(Wire(trouble), {})
    assert isinstance(error, CredentialsUnavailableError)
    assert SECRET_KEY not in str(error)


def test_what_failed_is_not_kept():
    wire = Wire(refusal("AccessDeniedException"), answer(SECRET))
    error, key = asked(wire, {}, {})
    assert isinstance(error, CredentialsMissingError)
    assert key.access_key == ACCESS_KEY


@pytest.mark.parametrize(
    ("setting", "kind"),
    [("env", EnvironmentKeys), ("secretsmanager:untag", SecretKeys), ("secretsmanager:u/", SecretKeys)],
)
def test_the_setting_names_the_source(setting, kind):
    assert isinstance(source_of(setting, {}, None, Clock().timing), kind)
