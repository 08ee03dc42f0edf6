"""The vendor's SDKs for what a function on FunctionGraph calls, pointed at the local servers."""

import os
import warnings
from typing import Any

import vendors  # noqa: F401 - it prepares the environment that the SDKs are imported in
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.http.http_config import HttpConfig

from local.functiongraph import Agency, ObsServer, Service

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    _home = os.environ.pop("HOME", None)
    from huaweicloudsdkcsms import v1 as sdk_csms
    from huaweicloudsdkfunctiongraph import v2 as sdk_functiongraph
    from huaweicloudsdksmn import v2 as sdk_smn
    from obs import ObsClient

    if _home is not None:
        os.environ["HOME"] = _home

_CLIENTS = {
    "csms": sdk_csms.CsmsClient,
    "functiongraph": sdk_functiongraph.FunctionGraphClient,
    "smn": sdk_smn.SmnClient,
}


def client(server: Service, project: str, **changes: str) -> Any:
    """The official client for a service behind the gateway; `changes` are to the keys."""
    keys = server.agency.keys._replace(**changes)
    credentials = BasicCredentials(keys.access_key, keys.secret_key, project)
    credentials.with_security_token(keys.security_token)
    builder = _CLIENTS[server.name].new_builder().with_credentials(credentials).with_endpoint(server.url)
    return builder.with_http_config(HttpConfig(timeout=(5, 5))).build()


class _LocalObsClient(ObsClient):  # type: ignore[misc]
    """Has the bucket in the host's name, as on OBS, and connects to this machine all the same."""

    def _get_server_connection_use_http1x(self, is_secure: bool, _server: str, *others: Any) -> Any:
        return super()._get_server_connection_use_http1x(is_secure, "127.0.0.1", *others)


def obs_client(server: ObsServer, agency: Agency, **changes: str) -> Any:
    """The official client for OBS."""
    keys = agency.keys._replace(**changes)
    port = server.url.rpartition(":")[2]
    return _LocalObsClient(
        access_key_id=keys.access_key,
        secret_access_key=keys.secret_key,
        security_token=keys.security_token,
        server=f"http://obs.cn-north-4.myhuaweicloud.com:{port}",
        max_retry_count=0,
        timeout=5,
    )
