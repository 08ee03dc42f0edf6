"""Volcengine in tests: one call of the tag API's, and the whole function at a local cloud."""

from typing import ClassVar

import httpx
from aws_model import AwsModel
from service_house import ENVIRON, CloudWire
from support import Asking, Wire, run
from sweep_support import SWEEPS

from local.providers import VolcengineOptions, VolcengineServer, VolcengineStsServer, environment
from untag.contracts import ALL, Action, Tag
from untag.hosts.aws import LambdaFunction
from untag.providers import Location, Options, Session
from untag.providers.volcengine.credentials import VolcengineCredentials
from untag.providers.volcengine.tag import VolcengineTag
from untag.removal import Remover

REGION, NUMBER = "cn-shanghai", "2100000001"
FIELDS = {"access_key": "AKLT-FAKE", "secret_key": "fake-secret-key"}
KEY = VolcengineCredentials.parse(FIELDS | {"account_id": NUMBER})
WITHOUT_ACCOUNT = VolcengineCredentials.parse(FIELDS)
ONE, TWO = (f"trn:ecs:{REGION}:{NUMBER}:instance/i-{n}" for n in (1, 2))
USER = f"trn:iam::{NUMBER}:user/Bob"
TAGS = (Tag("env", "prod"), Tag("部门", "研发"))
KNOWN = [{"Service": "ecs", "ResourceType": "instance"}, {"Service": "iam", "ResourceType": "user"}]
HOST, STS = "volcengine.example.com", "sts.example.com"
PLAIN = VolcengineOptions()


def trn(number, kind="instance"):
    return f"trn:ecs:{REGION}:{NUMBER}:{kind}/i-{number}"


class Stack:
    """The function with its queues modelled, and a local Volcengine."""

    open: ClassVar = []

    def __init__(self, function=Remover, options=PLAIN, **environ):
        self.open.append(self)
        self.cloud, self.sts = VolcengineServer(options=options), VolcengineStsServer()
        self.model = AwsModel()
        self.model.queues[SWEEPS] = []
        hosts = {"volcengine_tag": f"https://{HOST}", "volcengine_sts": f"https://{STS}"}
        settings = {**environment((self.cloud, self.sts), **hosts), **ENVIRON, **environ}
        wire = CloudWire(self.model, {HOST: self.cloud, STS: self.sts})
        self.function = LambdaFunction(function, settings, transport=wire)

    def put(self, *ids, type_="ecs:instance", **tags):
        for id_ in ids:
            self.cloud.tags.load([{"region": REGION, "type": type_, "id": id_, "tags": tags}])

    def ask(self, *ids, type_="ecs:instance", tags=({"key": "env", "value": "prod"},), **changes):
        body = {
            "id": "chg-1",
            "provider": "volcengine",
            "region": REGION,
            "resources": [{"type": type_, "ids": list(ids)}],
            "tags": tags if isinstance(tags, str) else list(tags),
            **changes,
        }
        return self.function.payload(body, "manual-1", lambda: 60.0)["reports"][0]

    def left(self):
        return {pair.id: pair.value for pair in self.cloud.tags.pairs() if pair.key == "env"}

    def operations(self):
        return [call.operation for call in self.cloud.calls]

    def close(self):
        """A function keeps its loop and its connections."""
        self.open.remove(self)
        self.function.runtime.close()


def row(report, id_):
    (found,) = [one for one in report["outcomes"] if one["resource_id"] == id_]
    return found


def scope_of(provider, type_="ecs:instance", region=REGION):
    return provider.scope(Location("default", region, None), type_)


def done(operation, result, status=200, **metadata):
    meta = {"RequestId": "req-1", "Action": operation, "Version": "2022-06-01", "Service": "tag", **metadata}
    return httpx.Response(status, json={"ResponseMetadata": meta, "Result": result})


def failed(status, code, number=None, message="m"):
    error = {"CodeN": number, "Code": code, "Message": message}
    return httpx.Response(status, json={"ResponseMetadata": {"RequestId": "req-1", "Error": error}})


OPERATION = {"write": "UntagResources", "restore": "TagResources", "read": "GetResources", "find": "GetResources"}


def identity(number):
    return done("GetCallerIdentity", {"AccountId": number}, Service="sts", Version="2018-01-01")


def cloud(*answers, known=KNOWN, said=None):
    """Answers for the types first, then each of the answers in turn; STS gives the answer `said`."""
    left = list(answers)

    def answer(sent):
        if sent.url.params["Action"] == "ListResourceTypes":
            return known if isinstance(known, httpx.Response) else done("ListResourceTypes", {"ResourceTypes": known})
        told = left.pop(0) if len(left) > 1 else left[0]
        return httpx.Response(told.status_code, headers=told.headers, content=told.content)

    return Wire(answer, identity=said or identity(int(NUMBER)))


NO_OPTIONS = Options()


def asked(
    wire,
    kind="write",
    ids=(ONE, TWO),
    type_="ecs:instance",
    key=KEY,
    region=REGION,
    tag=ALL,
    cursor=None,
    options=NO_OPTIONS,
):
    """The judged answer to one call of that kind."""

    async def ask():
        provider = VolcengineTag.of(options)
        scope = scope_of(provider, type_, region)
        async with wire.client() as client:
            session = Session(client, key, provider.auth(key, scope), 5.0)
            match kind:
                case "read":
                    return await provider.read(session, scope, ids)
                case "find":
                    return await provider.find(session, scope, tag, cursor)
                case "names":
                    return await provider.names(session, scope, None if tag is ALL else tag.key, cursor)
            action = Action.RESTORE if kind == "restore" else Action.REMOVE
            return await provider.write(session, action, scope, ids, TAGS)

    return run(ask())


ASKING = Asking("volcengine", REGION, "ecs:instance", "i-1")
request = ASKING.request
problems = ASKING.problems


def rows(*trns, **tags):
    return [
        {"ResourceTrn": trn, "Tags": [{"Key": k, "Value": v, "Type": "Custom"} for k, v in tags.items()]}
        for trn in trns
    ]
