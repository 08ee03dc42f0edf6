"""Alibaba Cloud in tests: answers of its Tag API, the names that its resources have there, and one call to it."""

from urllib.parse import parse_qsl

import httpx
from support import Asking, Wire, run

from untag.contracts import Action, Tag
from untag.providers import Location, Options, Session
from untag.providers.alibabacloud.credentials import AlibabaCredentials
from untag.providers.alibabacloud.tag import AlibabaTag

REGION, NUMBER, OTHER = "cn-hangzhou", "1234567890123456", "6543210987654321"
KEY = AlibabaCredentials.parse(
    {"access_key": "LTAIFAKE", "secret_key": "fake-secret-key", "security_token": "tok/en+="}
)
TAGS = (Tag("env", "prod"), Tag("部门", "研发 é"))


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


ONE, TWO = arn("i-1"), arn("i-2")
ASKING = Asking("alibabacloud", REGION, "ecs:instance", "i-1")
request = ASKING.request
problems = ASKING.problems


def call(*answers, kind="write", action=Action.REMOVE, type_="ecs:instance", ids=(ONE, TWO), tags=TAGS, **more):
    """The answer as it is judged, and the requests that were sent to the Tag API; STS gives the answer `said`."""
    wire = Wire(*answers, identity=more.get("said") or done(AccountId=NUMBER))
    options = Options(endpoints=more.get("endpoints", {}))

    async def ask():
        provider = more.get("provider") or AlibabaTag.of(options)
        scope = provider.scope(Location("default", more.get("region", REGION), None), type_)
        async with wire.client() as client:
            session = Session(client, KEY, provider.auth(KEY, scope), 5.0)
            if kind == "read":
                return await provider.read(session, scope, ids)
            if kind == "find":
                return await provider.find(session, scope, tags[0], more.get("cursor"))
            if kind == "names":
                return await provider.names(session, scope, more.get("key"), more.get("cursor"))
            return await provider.write(session, action, scope, ids, tags)

    told = run(ask())
    more.get("asked", []).extend(wire.identifying)
    return told, wire.requests


def parameters(sent):
    return dict(parse_qsl(sent.url.query.decode(), keep_blank_values=True))


def failed(*entries):
    rows = [{"ResourceARN": name, "Result": {"Code": code, "Message": "m"}} for name, code in entries]
    return done(FailedResources={"FailedResource": rows})


def listing(*rows, token=""):
    tags = [
        {
            "ResourceARN": name,
            "Tags": [{"Key": key, "Value": value, "Category": "Custom"} for key, value in its.items()],
        }
        for name, its in rows
    ]
    return done(TagResources=tags, NextToken=token)
