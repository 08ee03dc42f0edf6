"""A house at the local Azure: what its settings lead to, resources to put there, and requests about them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from service_house import House, tag_list

from local.providers import AwsStsServer, AzureLoginServer, AzureServer
from local.providers.azure_service import SUBSCRIPTION

HOST, LOGIN, STS = "azure.example.com", "login.example.com", "sts.example.com"
ENDPOINTS = f"azure.management=https://{HOST},azure.login=https://{LOGIN},aws.sts=https://{STS}"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-shop"
VM, DISK = "Microsoft.Compute/virtualMachines", "Microsoft.Compute/disks"


def name(id_: str, type_: str = VM) -> str:
    return f"{GROUP}/providers/{type_}/{id_}"


def put(cloud: AzureServer, *ids: str, tags: Mapping[str, str] = {"env": "prod"}, type_: str = VM) -> None:
    cloud.tags.load([{"region": "", "type": type_, "id": name(id_, type_), "tags": tags} for id_ in ids])


@contextmanager
def house_of(cloud: AzureServer, login: AzureLoginServer | None = None, **environ: str) -> Iterator[House]:
    variables = {**cloud.environment, "UNTAG_ENDPOINTS": ENDPOINTS, **environ}
    with House(environ=variables) as house:
        clouds = house.wire.clouds
        clouds |= {HOST: cloud, LOGIN: login or AzureLoginServer(cloud.credentials), STS: AwsStsServer()}
        yield house


def request(
    *ids: str, tags: Mapping[str, str] | str = {"env": "prod"}, type_: str = VM, **fields: Any
) -> dict[str, Any]:
    return {
        "id": "chg-1",
        "provider": "azure",
        "resources": [{"type": type_, "ids": [one if one.startswith("/") else name(one, type_) for one in ids]}],
        "tags": tag_list(tags),
        **fields,
    }
