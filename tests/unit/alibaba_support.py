"""Answers of Alibaba Cloud's Tag API, and the names that its resources have there."""

import httpx

REGION, NUMBER = "cn-hangzhou", "1234567890123456"


def arn(id_, account=NUMBER, region=REGION, kind="instance", product="ecs"):
    return f"arn:acs:{product}:{region}:{account}:{kind}/{id_}"


def done(**body):
    return httpx.Response(200, json={"RequestId": "req-1"} | body)


def error(status, code):
    return httpx.Response(status, json={"Code": code, "Message": "m", "RequestId": "r"})


def template(text, product="slb", kind="loadbalancer"):
    """The answer that says how the ARNs of a type look."""
    row = {"ProductCode": product, "ResourceType": kind, "ArnTemplate": text}
    return done(SupportResourceTypes=[row], NextToken="")
