"""Errors in every shape: what the official client reads out of them is what untag reads."""

import json
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import vendors
from huaweicloudsdkconfig import v1 as sdk
from huaweicloudsdkcore.exceptions.exception_handler import DefaultExceptionHandler
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException, ServiceResponseException
from hypothesis import given
from hypothesis import strategies as st

from local.providers import HuaweicloudConfigServer, HuaweicloudTmsServer, ProviderServer
from local.providers.huaweicloud_shapes import SHAPES, TEXT
from untag.providers.http import Reply
from untag.providers.huaweicloud_errors import error_of, request_id
from untag.signing import Credentials

CREDENTIALS = Credentials("the access key", "the secret key")
POLICY = "config:policyAssignments"
PROJECT = "5f0c2a9d8e7b46310f00c0de00000001"

# One line, no longer than a row allows.
TEXTS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)
PAIRS = st.sampled_from([("error_code", "error_msg"), ("errorCode", "errorMsg"), ("code", "message")])
NAMES = st.sampled_from(["error", "itemNotFound", "badRequest", "result", "detail", "x"])


def read_by_sdk(status: int, body: str, headers: dict[str, str]) -> tuple[str, str, str | None]:
    response = SimpleNamespace(status_code=status, headers=httpx.Headers(headers), text=body)
    with pytest.raises(ServiceResponseException) as caught:
        DefaultExceptionHandler().handle_exception(None, response)
    return caught.value.error_code, caught.value.error_msg, caught.value.request_id


def read_by_untag(status: int, body: str, headers: dict[str, str]) -> tuple[str, str | None, str | None]:
    reply = Reply(status, httpx.Headers(headers), body.encode())
    code, message = error_of(reply, CREDENTIALS)
    return code or str(status), message, request_id(reply)


@given(
    st.sampled_from([400, 403, 404, 409, 429, 500, 503]),
    st.lists(NAMES, max_size=4),
    PAIRS,
    TEXTS,
    TEXTS,
    st.booleans(),
)
def test_code_message_and_request_id_are_those_that_the_client_reads(
    status: int, path: list[str], names: tuple[str, str], code: str, message: str, more: bool
) -> None:
    document: dict[str, Any] = dict(zip(names, (code, message), strict=True))
    for name in reversed(path):
        document = {name: document} | ({"status": status, "list": [], "none": None} if more else {})
    body, headers = json.dumps(document), {"X-Request-Id": "q-1"}
    assert read_by_untag(status, body, headers) == read_by_sdk(status, body, headers)


@given(st.sampled_from([400, 404, 502]), TEXTS.map(lambda text: f"<{text}>"))
def test_the_text_of_a_body_that_is_no_json_is_the_one_that_the_client_reads(status: int, body: str) -> None:
    assert read_by_untag(status, body, {}) == read_by_sdk(status, body, {})


def config_error(server: ProviderServer) -> ClientRequestException:
    body = sdk.UnTagsReq(tags=[sdk.ResourceUnTag(key="env", value="prod")])
    with pytest.raises(ClientRequestException) as caught:
        vendors.huaweicloud_client(server).un_tag_resource(sdk.UnTagResourceRequest(POLICY, "pa-nowhere", body))
    return caught.value


def tms_error(server: ProviderServer) -> ClientRequestException:
    with pytest.raises(ClientRequestException) as caught:
        vendors.tms_client(server).show_resource_tag(vendors.sdk_tms.ShowResourceTagRequest("i-0", PROJECT, "ecs"))
    return caught.value


@pytest.mark.parametrize("shape", SHAPES)
def test_the_local_servers_errors_are_read_by_the_client_in_every_shape(shape: str) -> None:
    for kind, call, code, message in (
        (HuaweicloudConfigServer, config_error, "RMS.00010404", "The resource does not exist"),
        (HuaweicloudTmsServer, tms_error, "TMS.0005", "The resources requested cannot be found."),
    ):
        with kind() as server:
            server.error_shape = shape
            error = call(server)
            assert (error.status_code, error.error_msg, error.request_id) == (404, message, server.calls[0].request_id)
            assert error.error_code == ("404" if shape == TEXT else code)


@pytest.mark.parametrize("empty", ["null", "left_out"])
def test_null_or_nothing_for_an_empty_list_is_read_by_the_client(empty: Any) -> None:
    with HuaweicloudTmsServer() as server:
        server.tags.put(PROJECT, "ecs", "i-1")
        server.empty_lists = empty
        client = vendors.tms_client(server)
        assert client.show_resource_tag(vendors.sdk_tms.ShowResourceTagRequest("i-1", PROJECT, "ecs")).tags is None
        body = vendors.sdk_tms.ReqDeleteTag(
            project_id=PROJECT,
            resources=[vendors.sdk_tms.ResourceTagBody(resource_id="i-1", resource_type="ecs")],
            tags=[vendors.sdk_tms.DeleteTagRequest(key="env")],
        )
        assert client.delete_resource_tag(vendors.sdk_tms.DeleteResourceTagRequest(body)).failed_resources is None
