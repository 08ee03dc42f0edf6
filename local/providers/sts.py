"""The token services of Alibaba Cloud, Tencent Cloud and Volcengine on this machine: whose account a key is of.

`GetCallerIdentity` alone, with the fields of the SDKs' models (alibabacloud_sts20150401 1.2.0,
tencentcloud-sdk-python-sts 3.0.1459, volcenginesdk-sts 5.0.54). Signatures and errors are those of each cloud's tag
API.
"""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import parse_qs

from local.providers import alibabacloud, tencentcloud, volcengine
from local.providers.accounts import made_up_number
from local.providers.alibabacloud import AlibabaServer
from local.providers.faults import Verdict
from local.providers.server import Answer, Ask, ProviderServer, Refusal, Route
from local.providers.tag_table import Cause
from local.providers.tencentcloud import TencentcloudServer
from local.providers.volcengine import VolcengineServer
from local.providers.wire import Request

OPERATION = "GetCallerIdentity"
KINDS = ProviderServer.fault_kinds - {"count", "partial", "other_ids"}


class AlibabaStsServer(AlibabaServer):
    """STS, version 2015-04-01. The operation and the version stand in headers."""

    name: ClassVar[str] = "alibabacloud-sts"
    api: ClassVar[str] = "alibabacloud.sts"
    fault_kinds: ClassVar[frozenset[str]] = KINDS

    def match(self, request: Request) -> Route:
        """The one operation."""
        known = request.header("x-acs-action") == OPERATION and request.header("x-acs-version") == "2015-04-01"
        if request.method != "POST" or request.path != "/" or not known:
            raise Refusal(self.failure(404, None, None))
        return Route(OPERATION, writing=False)

    def parse(self, request: Request, route: Route, account: str) -> Ask:  # noqa: ARG002 - all clouds'
        """Nothing is asked but whose the key is."""
        return Ask(route, account)

    def apply(self, ask: Ask, cause: Cause, verdict: Verdict) -> tuple[Answer, int]:  # noqa: ARG002 - all clouds'
        """The account's number, as a text."""
        number = self.number(ask.account) or alibabacloud.NUMBER
        user = made_up_number(18, self.provider, ask.account)
        document = {
            "AccountId": number,
            "Arn": f"acs:ram::{number}:user/{ask.account}",
            "IdentityType": "RAMUser",
            "PrincipalId": user,
            "UserId": user,
        }
        return Answer(200, document), 0


class TencentcloudStsServer(TencentcloudServer):
    """STS, version 2018-08-13. Its page requires a region."""

    name: ClassVar[str] = "tencentcloud-sts"
    api: ClassVar[str] = "tencentcloud.sts"
    service: ClassVar[str] = "sts"
    operations: ClassVar[Mapping[str, bool]] = {OPERATION: False}
    fault_kinds: ClassVar[frozenset[str]] = KINDS

    def parse(self, request: Request, route: Route, account: str) -> Ask:
        """Nothing is asked but whose the key is, in a region."""
        if not request.header("x-tc-region"):
            raise Refusal(self.failure(400, "MissingParameter", "The request is missing the parameter `Region`."))
        return Ask(route, account)

    def apply(self, ask: Ask, cause: Cause, verdict: Verdict) -> tuple[Answer, int]:  # noqa: ARG002 - all clouds'
        """The uin of the account's owner, as a text."""
        number = self.number(ask.account) or tencentcloud.UIN
        user = made_up_number(12, self.provider, ask.account, "user")
        document = {
            "AccountId": number,
            "Arn": f"qcs::cam::uin/{number}:uin/{user}",
            "PrincipalId": user,
            "Type": "CAMUser",
            "UserId": user,
        }
        return Answer(200, document), 0


class VolcengineStsServer(VolcengineServer):
    """STS, version 2018-01-01. The operation and the version stand in the query, the service in what is signed."""

    name: ClassVar[str] = "volcengine-sts"
    api: ClassVar[str] = "volcengine.sts"
    service: ClassVar[str] = "sts"
    version: ClassVar[str] = "2018-01-01"
    fault_kinds: ClassVar[frozenset[str]] = KINDS

    def match(self, request: Request) -> Route:
        """The one operation."""
        query = parse_qs(request.query)
        known = query.get("Action") == [OPERATION] and query.get("Version") == [self.version]
        signed = self.verifier.scope(request)[1] in ("", self.service)
        if request.method not in ("GET", "POST") or request.path != "/" or not (known and signed):
            raise Refusal(self.failure(404, None, "Could not find operation."))
        return Route(OPERATION, writing=False)

    def parse(self, request: Request, route: Route, account: str) -> Ask:  # noqa: ARG002 - all clouds'
        """Nothing is asked but whose the key is."""
        return Ask(route, account)

    def apply(self, ask: Ask, cause: Cause, verdict: Verdict) -> tuple[Answer, int]:  # noqa: ARG002 - all clouds'
        """The account's number, as a number."""
        number = self.number(ask.account) or volcengine.NUMBER
        result = {
            "AccountId": int(number),
            "IdentityId": made_up_number(8, self.provider, ask.account),
            "IdentityType": "User",
            "Trn": f"trn:iam::{number}:user/{ask.account}",
        }
        return self._success(ask, result), 0
