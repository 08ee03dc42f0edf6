"""Clouds on this machine: small servers that check signatures, keep tags, and misbehave on command."""

from local.providers.accounts import Account
from local.providers.alibabacloud import AlibabaOptions, AlibabaServer
from local.providers.aws import AwsOptions, AwsServer
from local.providers.aws_iam import AwsIamServer
from local.providers.aws_sts import AwsStsServer, Role
from local.providers.azure import AzureOptions, AzureServer
from local.providers.azure_login import AzureLoginServer
from local.providers.calls import Call, CallLog
from local.providers.faults import KINDS, Fault, Faults
from local.providers.gcp import GcpOptions, GcpServer
from local.providers.huaweicloud_config import HuaweicloudConfigOptions, HuaweicloudConfigServer
from local.providers.huaweicloud_tms import HuaweicloudTmsOptions, HuaweicloudTmsServer
from local.providers.jdcloud import JdcloudOptions, JdcloudServer
from local.providers.server import ProviderServer, environment, overridden
from local.providers.sts import AlibabaStsServer, TencentcloudStsServer, VolcengineStsServer
from local.providers.tag_table import Change, Pair, TagTable
from local.providers.tencentcloud import TencentcloudOptions, TencentcloudServer
from local.providers.volcengine import VolcengineOptions, VolcengineServer

SERVERS: dict[str, type[ProviderServer]] = {
    JdcloudServer.name: JdcloudServer,
    HuaweicloudConfigServer.name: HuaweicloudConfigServer,
    HuaweicloudTmsServer.name: HuaweicloudTmsServer,
    AlibabaServer.name: AlibabaServer,
    AlibabaStsServer.name: AlibabaStsServer,
    AwsServer.name: AwsServer,
    AwsIamServer.name: AwsIamServer,
    AwsStsServer.name: AwsStsServer,
    AzureServer.name: AzureServer,
    AzureLoginServer.name: AzureLoginServer,
    GcpServer.name: GcpServer,
    TencentcloudServer.name: TencentcloudServer,
    TencentcloudStsServer.name: TencentcloudStsServer,
    VolcengineServer.name: VolcengineServer,
    VolcengineStsServer.name: VolcengineStsServer,
}

__all__ = [
    "KINDS",
    "SERVERS",
    "Account",
    "AlibabaOptions",
    "AlibabaServer",
    "AlibabaStsServer",
    "AwsIamServer",
    "AwsOptions",
    "AwsServer",
    "AwsStsServer",
    "AzureLoginServer",
    "AzureOptions",
    "AzureServer",
    "Call",
    "CallLog",
    "Change",
    "Fault",
    "Faults",
    "GcpOptions",
    "GcpServer",
    "HuaweicloudConfigOptions",
    "HuaweicloudConfigServer",
    "HuaweicloudTmsOptions",
    "HuaweicloudTmsServer",
    "JdcloudOptions",
    "JdcloudServer",
    "Pair",
    "ProviderServer",
    "Role",
    "TagTable",
    "TencentcloudOptions",
    "TencentcloudServer",
    "TencentcloudStsServer",
    "VolcengineOptions",
    "VolcengineServer",
    "VolcengineStsServer",
    "environment",
    "overridden",
]
