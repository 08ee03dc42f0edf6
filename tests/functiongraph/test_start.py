"""What a process of FunctionGraph reads at its start, and what it says when that is wrong."""

import json
import os
from pathlib import Path

import pytest
from platform_support import INDEX, Platform, request

from untag.contracts import InvalidInputError


class Bare:
    """A context with nothing but a user variable."""

    def __init__(self, text: str | None) -> None:
        self.text = text

    def getUserData(self, key: str) -> str | None:  # noqa: N802
        assert key == "UNTAG"
        return self.text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "UNTAG: is required"),
        ("", "UNTAG: is required"),
        ("{", "UNTAG: not JSON"),
        ("[]", "UNTAG: should be a JSON object"),
        ('{"UNTAG_MAX_PAIRS": 5}', "UNTAG.UNTAG_MAX_PAIRS: should be a text"),
    ],
)
def test_a_variable_that_cannot_be_read_is_named(platform: Platform, text: str | None, problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        platform.index.initializer(Bare(text))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"UNTAG_BUCKET": ""}, "UNTAG_BUCKET: is required"),
        ({"UNTAG_BUCKET": "My.Bucket"}, "UNTAG_BUCKET: should match"),
        ({"UNTAG_TOPIC_URN": "arn:aws:sns:x"}, "UNTAG_TOPIC_URN: should match"),
        ({"UNTAG_REMOVE_FUNCTION": ""}, "UNTAG_REMOVE_FUNCTION: is required"),
        ({"UNTAG_SWEEP_FUNCTION": "urn:fss:x"}, "UNTAG_SWEEP_FUNCTION: should match"),
        ({"UNTAG_CREDENTIALS": "secretsmanager:untag"}, "UNTAG_CREDENTIALS: should be csms:PREFIX or env"),
        ({"UNTAG_CREDENTIALS": "csms:un/tag"}, "UNTAG_CREDENTIALS: should match"),
        ({"UNTAG_ENDPOINTS": "obs=http://example.com"}, "UNTAG_ENDPOINTS: should be https"),
        ({"UNTAG_ENDPOINTS": "s3=https://example.com"}, "UNTAG_ENDPOINTS: names an API that there is not"),
        ({"UNTAG_MAX_PAIRS": "many"}, "UNTAG_MAX_PAIRS: should be a whole number from 1 to 100000"),
    ],
)
def test_a_setting_that_is_wrong_is_named(platform: Platform, change: dict[str, str], problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem):
        platform.index.initializer(Bare(json.dumps(platform.variables | change)))


def test_a_function_without_an_agency_says_so(platform: Platform) -> None:
    platform.agency.keys  # noqa: B018 - there is one; its keys are not handed over

    def invoke() -> None:
        context = platform.context()
        context.getSecurityAccessKey = lambda: None  # type: ignore[method-assign]
        platform.index.remove({"untag": 1, "keys": ["work/1780000000-0-m"]}, context)

    with pytest.raises(InvalidInputError, match="the function has no agency"):
        invoke()


def test_nothing_is_read_from_the_environment_of_the_process_nor_written_there(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNTAG_MAX_PAIRS", "no number")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    before = dict(os.environ)
    platform.jdcloud.tags.put("cn-north-1", "vm", "i-1", "env", "prod")
    assert platform.invoke("remove", request())["reports"][0]["counts"] == {"removed": 1}
    assert dict(os.environ) == before | {"PYTEST_CURRENT_TEST": os.environ["PYTEST_CURRENT_TEST"]}


def test_every_line_of_the_log_is_json_with_the_invocations_id_and_no_key(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    platform.jdcloud.tags.put("cn-north-1", "vm", "i-1", "env", "prod")
    platform.send(request())
    text = capsys.readouterr().out
    lines = [json.loads(line) for line in text.splitlines()]
    assert {line["request_id"] for line in lines} == {"request-1"}
    metrics = [line for line in lines if line["message"] == "metrics"]
    assert {"provider": "jdcloud", "Outcomes": {"removed": 1}}.items() <= next(
        line for line in metrics if "provider" in line
    ).items()
    assert not any(secret in text for secret in platform.agency.keys)


def test_the_handlers_file_lies_alone_at_the_root_of_the_zip() -> None:
    assert [path.name for path in Path(INDEX).parent.iterdir() if path.suffix == ".py"] == ["index.py"]
