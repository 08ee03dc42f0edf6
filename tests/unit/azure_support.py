"""Azure in tests: a wire on which Entra ID gives out tokens and the Resource Manager answers what it is told."""

import httpx
from support import Asking, Wire, run

from untag.contracts import ALL, Action, Tag
from untag.providers import Location, Options, Session
from untag.providers.azure.credentials import AzureCredentials
from untag.providers.azure.tags import AzureTags

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
TENANT, CLIENT = "99999999-8888-7777-6666-555555555555", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
FIELDS = {"tenant_id": TENANT, "client_id": CLIENT, "client_secret": "fAke8Q~secret.value_-x"}
KEY = AzureCredentials.parse(FIELDS)
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-shop"
TYPE = "Microsoft.Compute/virtualMachines"
VM = f"{GROUP}/providers/{TYPE}/vm-1"
TAGS_OF_VM = f"{VM}/providers/Microsoft.Resources/tags/default"
LOGIN = "login.microsoftonline.com"
ENV = Tag("env", "prod")


def token(text="t0ken-1", seconds=3599):
    return httpx.Response(
        200, json={"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": text}
    )


def tags_answer(tags, id_=TAGS_OF_VM, status=200, **headers):
    body = {"id": id_, "name": "default", "type": "Microsoft.Resources/tags", "properties": {"tags": tags}}
    return httpx.Response(status, json=body, headers={"x-ms-request-id": "req-1", **headers})


def error(status, code, message="m", *, bare=False, **headers):
    told = {"code": code, "message": message}
    return httpx.Response(
        status, json=told if bare else {"error": told}, headers={"x-ms-request-id": "req-1", **headers}
    )


class AzureWire(Wire):
    """The answers of the Resource Manager in turn; each call to Entra, which is at `login`, gets the next of `tokens`,
    the last for ever.
    """

    def __init__(self, *answers, tokens=None, login=LOGIN):
        super().__init__(*answers)
        self._login = login.encode()
        self._tokens = Wire(*(tokens or (token(),)))
        self.logins = self._tokens.requests

    def answer(self, request):
        if request.url.netloc == self._login or request.url.host.startswith("sts."):
            return self._tokens.answer(request)
        return super().answer(request)


NO_OPTIONS = Options()


def asked(
    cloud,
    kind="write",
    ids=(VM,),
    tags=(ENV,),
    key=KEY,
    tag=ENV,
    cursor=None,
    type_=TYPE,
    times=1,
    environ=(),
    options=NO_OPTIONS,
):
    """The judged answer to one call of that kind: the last of so many."""

    async def ask():
        provider = AzureTags(options, dict(environ))
        scope = provider.scope(Location("default", None, None), type_)
        async with cloud.client() as client:
            session = Session(client, key, provider.auth(key, scope), 5.0)
            for _ in range(times):
                match kind:
                    case "read":
                        answer = await provider.read(session, scope, ids)
                    case "find":
                        answer = await provider.find(session, scope, tag, cursor)
                    case "names":
                        answer = await provider.names(session, scope, None if tag is ALL else tag.key, cursor)
                    case _:
                        action = Action.RESTORE if kind == "restore" else Action.REMOVE
                        answer = await provider.write(session, action, scope, ids, tags, {})
            return answer

    return run(ask())


class _AskingAzure(Asking):
    """Requests without a region."""

    def request(self, *args, **changes):
        return super().request(*args, **({"region": None} | changes))


ASKING = _AskingAzure("azure", "", TYPE, VM)
request = ASKING.request
problems = ASKING.problems
