"""The same function written with the vendors' SDKs, as a competent engineer would: the path that ours is held against.

Every client is made once. Calls and publishing run in threads, as many as UNTAG_CONCURRENCY says. A request becomes one
call for its resources and tags at JD Cloud and one call for each resource at Huawei Cloud; its report is published as
soon as it is known. Nothing is grouped across messages, retried, read first or checked against what came back.
"""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import boto3  # type: ignore[import-untyped]
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from botocore.config import Config as AwsConfig  # type: ignore[import-untyped]
from huaweicloudsdkconfig.v1 import ConfigClient, ResourceUnTag, UnTagResourceRequest, UnTagsReq
from huaweicloudsdkcore.auth.credentials import GlobalCredentials
from huaweicloudsdkcore.exceptions.exceptions import SdkException
from huaweicloudsdkcore.http.http_config import HttpConfig
from jdcloud_sdk.core.config import Config as JDCloudConfig
from jdcloud_sdk.core.credential import Credential
from jdcloud_sdk.core.logger import Logger as JDCloudLogger
from jdcloud_sdk.services.resourcetag.apis.UnTagResourcesRequest import UnTagResourcesRequest
from jdcloud_sdk.services.resourcetag.client.ResourcetagClient import ResourcetagClient
from pydantic import BaseModel, ConfigDict, ValidationError

THREADS = int(os.environ.get("UNTAG_CONCURRENCY", "32"))
TIMEOUT = 10
ENDPOINTS = dict(pair.split("=", 1) for pair in os.environ["UNTAG_ENDPOINTS"].split(","))

logger = Logger(service="untag-sdk")
metrics = Metrics(namespace="untag", service="untag-sdk")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tag(_Strict):
    """A tag to remove."""

    key: str
    value: str


class Group(_Strict):
    """Resources of one type."""

    type: str
    ids: list[str]


class Request(_Strict):
    """What is asked."""

    id: str
    provider: str
    account: str = "default"
    region: str = ""
    resources: list[Group]
    tags: list[Tag]


def _jdcloud() -> ResourcetagClient:
    endpoint = urlsplit(ENDPOINTS["jdcloud.resourcetag"])
    credential = Credential(os.environ["JDCLOUD_ACCESS_KEY"], os.environ["JDCLOUD_SECRET_KEY"])
    # Level 0 silences the client's own log, which prints every header.
    return ResourcetagClient(
        credential, JDCloudConfig(endpoint.netloc, endpoint.scheme, timeout=TIMEOUT), JDCloudLogger(0)
    )


def _huaweicloud() -> ConfigClient:
    credentials = GlobalCredentials(
        os.environ["HUAWEICLOUD_SDK_AK"], os.environ["HUAWEICLOUD_SDK_SK"], os.environ["HUAWEICLOUD_SDK_DOMAIN_ID"]
    )
    builder = ConfigClient.new_builder().with_credentials(credentials)
    # As many connections as threads: the default keeps ten.
    http = HttpConfig(timeout=(TIMEOUT, TIMEOUT), pool_maxsize=THREADS)
    return builder.with_endpoint(ENDPOINTS["huaweicloud.config"]).with_http_config(http).build()


jdcloud = _jdcloud()
huaweicloud = _huaweicloud()
sns = boto3.client("sns", config=AwsConfig(max_pool_connections=THREADS))
topic = os.environ["UNTAG_TOPIC_ARN"]
pool = ThreadPoolExecutor(THREADS)


def untag_jdcloud(request: Request, group: Group, ids: list[str]) -> list[dict[str, Any]]:
    """One call for resources of one type; the outcome of each pair."""
    parameters = {
        "regionId": request.region,
        "unTagResources": {
            "resources": [{"serviceCode": group.type, "resourceId": ids}],
            "tags": [tag.model_dump() for tag in request.tags],
        },
    }
    answer = jdcloud.send(UnTagResourcesRequest(parameters))
    outcome = {"outcome": "removed", "provider_request_id": answer.request_id}
    if answer.error is not None:
        outcome |= {"outcome": "failed", "code": answer.error.status, "message": answer.error.message}
    failed = {one["resourceId"] for one in (answer.result or {}).get("data", {}).get("failedResourcesMap") or ()}
    return [
        {"type": group.type, "resource_id": id_, **tag.model_dump(), **outcome}
        | ({"outcome": "failed"} if id_ in failed else {})
        for id_ in ids
        for tag in request.tags
    ]


def untag_huaweicloud(request: Request, group: Group, ids: list[str]) -> list[dict[str, Any]]:
    """One call for one resource."""
    body = UnTagsReq(tags=[ResourceUnTag(key=tag.key, value=tag.value) for tag in request.tags])
    outcome: dict[str, Any] = {"outcome": "removed"}
    try:
        huaweicloud.un_tag_resource(UnTagResourceRequest(group.type, ids[0], body))
    except SdkException as error:
        outcome = {"outcome": "failed", "message": str(error)}
    return [{"type": group.type, "resource_id": ids[0], **tag.model_dump(), **outcome} for tag in request.tags]


def calls(request: Request) -> list[tuple[Any, Group, list[str]]]:
    """The calls of a request."""
    if request.provider == "jdcloud":
        return [(untag_jdcloud, group, group.ids) for group in request.resources]
    return [(untag_huaweicloud, group, [id_]) for group in request.resources for id_ in group.ids]


def publish(request: Request, rows: list[dict[str, Any]]) -> None:
    """The report of one request to the topic, with a line in the log and the metrics."""
    removed = sum(row["outcome"] == "removed" for row in rows)
    status = "succeeded" if removed == len(rows) else "failed" if not removed else "partial"
    report = {"kind": "removal", **request.model_dump(exclude={"resources", "tags"}), "outcomes": rows}
    texts = {"kind": "removal", "provider": request.provider, "status": status, "id": request.id}
    sns.publish(
        TopicArn=topic,
        Message=json.dumps(report),
        Subject=f"{request.provider}: {removed} of {len(rows)} tags removed",
        MessageAttributes={name: {"DataType": "String", "StringValue": text} for name, text in texts.items()},
    )
    metrics.add_metric(name="Removed", unit=MetricUnit.Count, value=removed)
    logger.info("done", extra={"id": request.id, "status": status, "removed": removed})


def work_at(record: dict[str, Any]) -> str | None:
    """One message with a single call, from its body to its report; its id if it has to come again."""
    try:
        request = Request.model_validate_json(record["body"])
        publish(request, [row for call, *rest in calls(request) for row in call(request, *rest)])
    except Exception:
        logger.exception("not done")
        return str(record["messageId"])
    return None


def spread(record: dict[str, Any]) -> str | None:
    """One message whose calls are spread over the threads."""
    try:
        request = Request.model_validate_json(record["body"])
        parts = pool.map(lambda call: call[0](request, *call[1:]), calls(request))
        publish(request, [row for part in parts for row in part])
    except Exception:
        logger.exception("not done")
        return str(record["messageId"])
    return None


def single(record: dict[str, Any]) -> bool:
    """Whether a message comes to one call."""
    try:
        return len(calls(Request.model_validate_json(record["body"]))) == 1
    except ValidationError:
        return True


@metrics.log_metrics
@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 - powertools reads it
    """An SQS batch in, what has to come again out."""
    records = event["Records"]
    if len(records) > 1 or single(records[0]):
        failed = list(pool.map(work_at, records))
    else:
        failed = [spread(record) for record in records]
    return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in failed if id_]}
