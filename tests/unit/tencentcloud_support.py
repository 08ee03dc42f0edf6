"""Tencent Cloud in tests: answers of its Tag API, the names that its resources have there, and one call to it."""

import httpx
from support import Asking, Wire, run

from untag.contracts import Action, Tag
from untag.providers import Location, Session
from untag.providers.tencentcloud.credentials import TencentCredentials
from untag.providers.tencentcloud.tag import TencentTag

REGION, UIN = "ap-guangzhou", "100000000001"
FIELDS = {"access_key": "AKIDFAKE", "secret_key": "fake-secret-key", "account_id": UIN}
KEY = TencentCredentials.parse(FIELDS)
WITHOUT_UIN = TencentCredentials.parse({name: FIELDS[name] for name in ("access_key", "secret_key")})
INSTANCE = f"qcs::cvm:{REGION}:uin/{UIN}:instance/ins-1"
DATABASE = f"qcs::cdb:{REGION}:uin/{UIN}:instanceId/cdb-1"
DOMAIN = f"qcs::cdn::uin/{UIN}:domain/www.example.com"
BUCKET = f"qcs::cos:{REGION}:uid/1250000000:bucket/logs-1250000000"
TAGS = (Tag("env", "prod"), Tag("部门", "研发"))
ASKING = Asking("tencentcloud", REGION, "cvm:instance", "ins-1")
request = ASKING.request
problems = ASKING.problems


def response(fields, status=200, **headers):
    return httpx.Response(status, json={"Response": {"RequestId": "req-1", **fields}}, headers=headers)


def error(code, message="m", status=200, **headers):
    return response({"Error": {"Code": code, "Message": message}}, status, **headers)


def rows(*names, **tags):
    listed = [{"TagKey": key, "TagValue": value, "Category": "Custom"} for key, value in tags.items()]
    return [{"Resource": name, "Tags": listed} for name in names]


def answered(
    answer,
    kind="write",
    action=Action.REMOVE,
    type_="cvm:instance",
    ids=(INSTANCE, DATABASE),
    tags=TAGS,
    key=KEY,
    cursor=None,
    said=None,
    asked=None,
):
    """The answer as it is judged, and the requests that were sent to the Tag API; STS gives the answer `said`."""
    wire = Wire(answer, identity=said or response({"AccountId": UIN}))

    async def ask():
        provider = TencentTag()
        scope = provider.scope(Location("default", REGION, None), type_)
        async with wire.client() as client:
            session = Session(client, key, provider.auth(key, scope), 5.0)
            if kind == "read":
                return await provider.read(session, scope.of_ids(ids), ids)
            if kind == "find":
                return await provider.find(session, scope, Tag("env", None), cursor)
            if kind == "keys":
                return await provider.names(session, scope, None, cursor)
            if kind == "values":
                return await provider.names(session, scope, "env", cursor)
            return await provider.write(session, action, scope.of_ids(ids), ids, tags, {})

    told = run(ask())
    if asked is not None:
        asked += wire.identifying
    return told, wire.requests
