"""The vendors' SDKs, imported and built with the care that each of them needs."""

import os
import warnings
from typing import Any

from local.providers import ProviderServer

# The SDKs' own sins; everything else stays an error.
WARNINGS = (
    "ignore:datetime.datetime.utc:DeprecationWarning:jdcloud_sdk",
    "ignore:datetime.datetime.utc:DeprecationWarning:huaweicloudsdkcore",
    "ignore:datetime.datetime.utc:DeprecationWarning:obs",
)

# `requests`, which both SDKs use, asks the environment for a proxy.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    # Importing the Huawei SDK writes an id into $HOME/.huaweicloud, and sends it along with every request.
    _home = os.environ.pop("HOME", None)
    from huaweicloudsdkconfig.v1 import ConfigClient
    from huaweicloudsdkcore.auth.credentials import GlobalCredentials
    from huaweicloudsdkcore.http.http_config import HttpConfig
    from huaweicloudsdktms import v1 as sdk_tms
    from jdcloud_sdk.core.config import Config
    from jdcloud_sdk.core.credential import Credential
    from jdcloud_sdk.core.logger import Logger
    from jdcloud_sdk.services.resourcetag.client.ResourcetagClient import ResourcetagClient

    if _home is not None:
        os.environ["HOME"] = _home

SILENT = Logger(0)  # the default one prints every header, Authorization and all


def jdcloud_client(server: ProviderServer, **changes: str) -> Any:
    """The official client for a local JD Cloud; `changes` are to its secret."""
    secret = server.secrets["default"] | changes
    endpoint = server.url.removeprefix("http://")
    config = Config(endpoint, "http", timeout=5)
    return ResourcetagClient(Credential(secret["access_key"], secret["secret_key"]), config, SILENT)


def huaweicloud_client(server: ProviderServer, **changes: str) -> Any:
    """The official client for a local Huawei Cloud Config; `changes` are to its secret."""
    return _global_client(ConfigClient, server, changes)


def tms_client(server: ProviderServer, **changes: str) -> Any:
    """The official client for a local Tag Management Service; `changes` are to its secret."""
    return _global_client(sdk_tms.TmsClient, server, changes)


def _global_client(kind: Any, server: ProviderServer, changes: dict[str, str]) -> Any:
    secret = server.secrets["default"] | changes
    credentials = GlobalCredentials(secret["access_key"], secret["secret_key"], secret["domain_id"])
    if "security_token" in secret:
        credentials.with_security_token(secret["security_token"])
    # with_endpoint, unlike with_region, asks no IAM server for the account's id.
    builder = kind.new_builder().with_credentials(credentials).with_endpoint(server.url)
    return builder.with_http_config(HttpConfig(timeout=(5, 5))).build()


def plain(model: Any) -> Any:
    """An SDK's model as plain JSON."""
    return model.to_json_object()
