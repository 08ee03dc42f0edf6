"""The local services of FunctionGraph, driven by the vendor's own clients."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from functiongraph_vendors import client, obs_client, sdk_csms, sdk_functiongraph, sdk_smn
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException, ServerResponseException
from obs import AppendObjectContent, CopyObjectHeader, DeleteObjectsRequest, GetObjectHeader, Object, PutObjectHeader

from local.functiongraph import PROJECT, Agency, CsmsServer, FunctionGraphServer, ObsServer, PlainFunctions, SmnServer

BUCKET = "untag"


@pytest.fixture
def agency() -> Agency:
    return Agency()


@pytest.fixture
def obs(agency: Agency) -> Iterator[ObsServer]:
    with ObsServer(agency, (BUCKET,)) as server:
        yield server


@pytest.fixture
def smn(agency: Agency) -> Iterator[SmnServer]:
    with SmnServer(agency) as server:
        yield server


@pytest.fixture
def csms(agency: Agency) -> Iterator[CsmsServer]:
    with CsmsServer(agency) as server:
        yield server


@pytest.fixture
def functiongraph(agency: Agency) -> Iterator[FunctionGraphServer]:
    functions = PlainFunctions({"untag-remove": lambda event: {"given": event}, "broken": lambda _: 1 / 0})
    with FunctionGraphServer(agency, functions=functions) as server:
        yield server


# OBS


def test_an_object_comes_back_as_it_was_put(obs: ObsServer, agency: Agency) -> None:
    sdk = obs_client(obs, agency)
    key = "work/1766000120-0-m 1+ü.json"
    headers = PutObjectHeader(contentType="application/json")
    put = sdk.putContent(BUCKET, key, '{"id": "r-1"}', {"traceparent": "00-1-2-01"}, headers)
    assert (put.status, put.body.etag) == (200, '"4b6fbddf892d93262c19ee8b8a32dc5d"')
    got = sdk.getObject(BUCKET, key, loadStreamInMemory=True)
    assert (got.status, got.body.buffer) == (200, b'{"id": "r-1"}')
    assert dict(got.header)["traceparent"] == "00-1-2-01"
    assert dict(got.header)["content-type"] == "application/json"
    head = sdk.headObject(BUCKET, key)
    assert (head.status, dict(head.header)["etag"]) == (200, put.body.etag)
    assert obs.buckets[BUCKET].keys() == [key]
    assert {call.access_key for call in obs.calls if call.operation != "GetApiVersion"} == {agency.keys.access_key}


def test_a_copy_keeps_the_metadata_or_replaces_it(obs: ObsServer, agency: Agency) -> None:
    sdk = obs_client(obs, agency)
    sdk.putContent(BUCKET, "work/1-0-a", "body", {"source": "work", "attempt": "1"})
    assert sdk.copyObject(BUCKET, "work/1-0-a", BUCKET, "work/2-1-a").body.etag
    replacing = CopyObjectHeader(directive="REPLACE")
    assert sdk.copyObject(BUCKET, "work/1-0-a", BUCKET, "dead/crash/a", {"reason": "crash"}, replacing).status == 200
    stored = obs.buckets[BUCKET].objects()
    assert {key: (one.body, dict(one.metadata)) for key, one in stored.items()} == {
        "dead/crash/a": (b"body", {"reason": "crash"}),
        "work/1-0-a": (b"body", {"source": "work", "attempt": "1"}),
        "work/2-1-a": (b"body", {"source": "work", "attempt": "1"}),
    }


def test_a_copy_that_fails_after_the_status_has_no_etag(obs: ObsServer, agency: Agency) -> None:
    obs.faults.add("partial", ids="work/2-*")
    sdk = obs_client(obs, agency)
    sdk.putContent(BUCKET, "work/1-0-a", "body")
    answer = sdk.copyObject(BUCKET, "work/1-0-a", BUCKET, "work/2-1-a")
    assert (answer.status, answer.body.etag) == (200, None)
    assert obs.buckets[BUCKET].keys() == ["work/1-0-a"]


def test_what_is_not_there_cannot_be_copied_and_can_be_deleted(obs: ObsServer, agency: Agency) -> None:
    sdk = obs_client(obs, agency)
    copy = sdk.copyObject(BUCKET, "work/1-0-a", BUCKET, "work/2-1-a")
    assert (copy.status, copy.errorCode) == (404, "NoSuchKey")
    assert sdk.deleteObject(BUCKET, "work/1-0-a").status == 204
    assert (sdk.getObject(BUCKET, "a").status, sdk.getObject("elsewhere", "a").status) == (404, 404)


def test_a_listing_is_in_order_and_in_pages(obs: ObsServer, agency: Agency) -> None:
    sdk = obs_client(obs, agency)
    for number in (3, 1, 10, 2):
        sdk.putContent(BUCKET, f"work/{number:010}-0-m", "body")
    sdk.putContent(BUCKET, "dead/crash/m", "body")
    first = sdk.listObjects(BUCKET, "work/", max_keys=3).body
    assert [content.key for content in first.contents] == [f"work/{number:010}-0-m" for number in (1, 2, 3)]
    assert (first.is_truncated, first.next_marker) == (True, "work/0000000003-0-m")
    second = sdk.listObjects(BUCKET, "work/", first.next_marker, 3).body
    assert [content.key for content in second.contents] == ["work/0000000010-0-m"]
    assert second.is_truncated is False
    folders = sdk.listObjects(BUCKET, delimiter="/").body
    assert [one.prefix for one in folders.commonPrefixs] == ["dead/", "work/"]
    assert [one.key for one in sdk.listObjects(BUCKET, "dead/", encoding_type="url").body.contents] == ["dead/crash/m"]


def test_the_first_append_makes_an_object_and_another_first_one_is_refused(obs: ObsServer, agency: Agency) -> None:
    sdk = obs_client(obs, agency)
    first = sdk.appendObject(BUCKET, "locks/a", AppendObjectContent("one", position=0))
    assert (first.status, first.body.nextPosition) == (200, 3)
    second = sdk.appendObject(BUCKET, "locks/a", AppendObjectContent("two", position=0))
    assert (second.status, second.errorCode) == (409, "PositionNotEqualToLength")
    assert sdk.appendObject(BUCKET, "locks/a", AppendObjectContent("two", position=3)).body.nextPosition == 6
    sdk.putContent(BUCKET, "b", "")
    put = sdk.appendObject(BUCKET, "b", AppendObjectContent("one", position=0))
    assert (put.status, put.errorCode) == (409, "ObjectNotAppendable")
    assert {key: one.body for key, one in obs.buckets[BUCKET].objects().items()} == {"b": b"", "locks/a": b"onetwo"}


def test_many_are_deleted_at_once(obs: ObsServer, agency: Agency) -> None:
    sdk = obs_client(obs, agency)
    for name in "abc":
        sdk.putContent(BUCKET, name, "body")
    answer = sdk.deleteObjects(
        BUCKET, DeleteObjectsRequest(quiet=False, objects=[Object("a"), Object("c"), Object("x")])
    )
    assert (answer.status, [one.key for one in answer.body.deleted]) == (200, ["a", "c", "x"])
    assert obs.buckets[BUCKET].keys() == ["b"]


def test_conditions_on_what_is_read_are_kept(obs: ObsServer, agency: Agency) -> None:
    sdk = obs_client(obs, agency)
    etag = sdk.putContent(BUCKET, "a", "body").body.etag.strip('"')  # the SDK would encode the quotes
    assert sdk.getObject(BUCKET, "a", headers=GetObjectHeader(if_match="other")).status == 412
    assert sdk.getObject(BUCKET, "a", headers=GetObjectHeader(if_none_match=etag)).status == 304
    assert sdk.copyObject(BUCKET, "a", BUCKET, "b", headers=CopyObjectHeader(if_match="other")).status == 412
    assert sdk.copyObject(BUCKET, "a", BUCKET, "b", headers=CopyObjectHeader(if_match=etag)).status == 200


def test_a_damaged_body_is_refused(obs: ObsServer, agency: Agency) -> None:
    answer = obs_client(obs, agency).putContent(
        BUCKET, "a", "body", headers=PutObjectHeader(md5="AAAAAAAAAAAAAAAAAAAAAA==")
    )
    assert (answer.status, answer.errorCode) == (400, "BadDigest")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"secret_key": "another"}, "SignatureDoesNotMatch"),
        ({"access_key": "UNKNOWN"}, "InvalidAccessKeyId"),
        ({"security_token": "another"}, "SignatureDoesNotMatch"),
    ],
)
def test_obs_knows_its_own_keys_only(obs: ObsServer, agency: Agency, changes: dict[str, str], code: str) -> None:
    expected = "AccessDenied" if "security_token" in changes else code
    answer = obs_client(obs, agency, **changes).putContent(BUCKET, "a", "body")
    assert (answer.status, answer.errorCode) == (403, expected)
    assert obs.buckets[BUCKET].keys() == []


def test_keys_that_were_revoked_are_refused(obs: ObsServer, smn: SmnServer, agency: Agency) -> None:
    before, sdk_before = obs_client(obs, agency), client(smn, PROJECT)
    agency.rotate()
    assert before.putContent(BUCKET, "a", "body").status == 200
    agency.revoke()
    assert before.putContent(BUCKET, "a", "body").errorCode == "InvalidAccessKeyId"
    with pytest.raises(ClientRequestException) as refused:
        sdk_before.publish_message(publish(smn.add_topic(), "text"))
    assert (refused.value.status_code, refused.value.error_code) == (401, "APIGW.0301")
    assert obs_client(obs, agency).putContent(BUCKET, "a", "body").status == 200


def test_a_fault_is_answered_in_the_words_of_the_service(obs: ObsServer, agency: Agency) -> None:
    obs.faults.add("unavailable", operation="PutObject", times=1)
    sdk = obs_client(obs, agency)
    answer = sdk.putContent(BUCKET, "a", "body")
    assert (answer.status, answer.errorCode) == (503, "ServiceUnavailable")
    assert sdk.putContent(BUCKET, "a", "body").status == 200


# SMN


def publish(topic: str, message: str, subject: str | None = None, **attributes: Any) -> Any:
    rows = [
        sdk_smn.MessageAttribute(name=name, type="STRING_ARRAY" if isinstance(value, list) else "STRING", value=value)
        for name, value in attributes.items()
    ]
    body = sdk_smn.PublishMessageRequestBody(subject=subject, message=message, message_attributes=rows or None)
    return sdk_smn.PublishMessageRequest(topic, body)


def test_a_message_is_published_with_its_attributes(smn: SmnServer) -> None:
    topic = smn.add_topic("untag-reports")
    answer = client(smn, PROJECT).publish_message(
        publish(topic, '{"kind": "removal"}', "1 of 2 tags removed", kind="removal", provider=["jdcloud", "aws"])
    )
    assert answer.status_code == 200
    (published,) = smn.published
    assert (published.message_id, published.body) == (answer.message_id, {"kind": "removal"})
    assert (published.subject, published.attributes) == (
        "1 of 2 tags removed",
        {"kind": "removal", "provider": "jdcloud,aws"},
    )


@pytest.mark.parametrize(
    "attributes",
    [
        {"account": "a-b"},
        {"id": "x" * 33},
        {"id": ""},
        {"_kind": "removal"},
        {"a__b": "removal"},
        {"Kind": "removal"},
        {"kind": ["a", "a"]},
        {"kind": [str(number) for number in range(11)]},
    ],
)
def test_an_attribute_that_smn_would_not_take_is_refused(smn: SmnServer, attributes: dict[str, Any]) -> None:
    with pytest.raises(ClientRequestException) as refused:
        client(smn, PROJECT).publish_message(publish(smn.add_topic(), "text", **attributes))
    assert refused.value.status_code == 400
    assert smn.published == []


def test_a_message_that_is_too_long_is_refused(smn: SmnServer) -> None:
    sdk, topic = client(smn, PROJECT), smn.add_topic()
    assert sdk.publish_message(publish(topic, "ü" * (128 * 1024))).status_code == 200
    for message, subject, code in (("x" * (256 * 1024 + 1), None, "SMN.0009"), ("x", "ü" * 257, "SMN.0008")):
        with pytest.raises(ClientRequestException) as refused:
            sdk.publish_message(publish(topic, message, subject))
        assert (refused.value.status_code, refused.value.error_code) == (403, code)


def test_a_topic_that_does_not_exist_is_a_404(smn: SmnServer) -> None:
    with pytest.raises(ClientRequestException) as refused:
        client(smn, PROJECT).publish_message(publish(f"urn:smn:cn-north-4:{PROJECT}:none", "text"))
    assert (refused.value.status_code, refused.value.error_code) == (404, "SMN.0006")


def test_another_project_is_forbidden(smn: SmnServer) -> None:
    with pytest.raises(ClientRequestException) as refused:
        client(smn, "f" * 32).publish_message(publish(smn.add_topic(), "text"))
    assert refused.value.status_code == 403


# CSMS


def read(csms: CsmsServer, name: str, version: str = "latest") -> Any:
    request = sdk_csms.ShowSecretVersionRequest(secret_name=name, version_id=version)
    return client(csms, PROJECT).show_secret_version(request).version


def test_the_latest_version_of_a_secret_is_read(csms: CsmsServer) -> None:
    csms.put("untag-jdcloud-default", json.dumps({"access_key": "old"}))
    csms.put("untag-jdcloud-default", json.dumps({"access_key": "new"}))
    latest = read(csms, "untag-jdcloud-default")
    assert json.loads(latest.secret_string) == {"access_key": "new"}
    assert latest.version_metadata.version_stages == ["SYSCURRENT"]
    assert json.loads(read(csms, "untag-jdcloud-default", "v1").secret_string) == {"access_key": "old"}


@pytest.mark.parametrize(("name", "code"), [("untag-aws-none", "CSMS.0106"), ("a/b", "CSMS.0002")])
def test_a_secret_that_is_not_there_is_refused(csms: CsmsServer, name: str, code: str) -> None:
    with pytest.raises(ClientRequestException) as refused:
        read(csms, name.replace("/", "%2F"))
    assert (refused.value.status_code, refused.value.error_code) == (400, code)


def test_a_secret_has_no_slash_in_its_name_and_32_kilobytes_at_most(csms: CsmsServer) -> None:
    csms.put("a" * 64, "x" * 32 * 1024)
    for name, text in (("a/b", "x"), ("a" * 65, "x"), ("a", "x" * (32 * 1024 + 1))):
        with pytest.raises(ValueError, match="secret"):
            csms.put(name, text)


# FunctionGraph


def invoke(server: FunctionGraphServer, function: str, body: Any, version: str = "v1") -> Any:
    request = sdk_functiongraph.InvokeFunctionRequest(server.urn(function), "tail", version, body=body)
    return client(server, PROJECT).invoke_function(request)


def test_a_function_is_called_and_answers(functiongraph: FunctionGraphServer) -> None:
    answer = invoke(functiongraph, "untag-remove", {"id": "r-1"})
    assert (answer.status, json.loads(answer.result)) == (200, {"given": {"id": "r-1"}})
    assert answer.request_id == answer.x_cff_request_id


def test_a_functions_error_is_an_answer(functiongraph: FunctionGraphServer) -> None:
    failure = json.loads(invoke(functiongraph, "broken", {}).result)
    assert (failure["errorType"], failure["errorMessage"]) == ("ZeroDivisionError", "division by zero")


def test_an_asynchronous_request_is_accepted_and_runs_later(functiongraph: FunctionGraphServer) -> None:
    functions = functiongraph.functions
    assert isinstance(functions, PlainFunctions)
    urn = functiongraph.urn("untag-remove")
    request = sdk_functiongraph.AsyncInvokeFunctionRequest(urn, body={"untag": 1, "keys": ["a"]})
    answer = client(functiongraph, PROJECT).async_invoke_function(request)
    assert (answer.status_code, len(answer.request_id)) == (202, 36)
    assert [json.loads(bell.body) for bell in functions.bells] == [{"untag": 1, "keys": ["a"]}]
    assert [outcome.value for outcome in functions.ring()] == [{"given": {"untag": 1, "keys": ["a"]}}]
    assert functions.bells == []


def test_an_asynchronous_body_has_256_kilobytes_at_most(functiongraph: FunctionGraphServer) -> None:
    urn, sdk = functiongraph.urn("untag-remove"), client(functiongraph, PROJECT)
    sdk.async_invoke_function(sdk_functiongraph.AsyncInvokeFunctionRequest(urn, body={"a": "x" * 262_100}))
    with pytest.raises(ClientRequestException) as refused:
        sdk.async_invoke_function(sdk_functiongraph.AsyncInvokeFunctionRequest(urn, body={"a": "x" * 262_144}))
    assert (refused.value.status_code, refused.value.error_code) == (413, "FSS.0413")


def test_an_answer_that_takes_too_long_is_the_gateways(functiongraph: FunctionGraphServer) -> None:
    functions = functiongraph.functions
    assert isinstance(functions, PlainFunctions)
    functions.functions["slow"] = lambda _: time.sleep(0.5)
    functiongraph.sync_seconds = 0.05
    with pytest.raises(ServerResponseException) as refused:
        invoke(functiongraph, "slow", {})
    assert (refused.value.status_code, refused.value.error_code) == (504, "FSS.0504")


def test_a_function_that_does_not_exist_is_a_404(functiongraph: FunctionGraphServer) -> None:
    with pytest.raises(ClientRequestException) as refused:
        invoke(functiongraph, "none", {})
    assert (refused.value.status_code, refused.value.error_code) == (404, "FSS.1051")
