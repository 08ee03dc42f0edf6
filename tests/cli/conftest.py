"""A local cloud, and the command with its credentials."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_support import Untag

from local.providers import JdcloudServer, environment


@pytest.fixture
def jd() -> Iterator[JdcloudServer]:
    with JdcloudServer() as server:
        place = {"region": "cn-north-1", "type": "vm"}
        server.tags.load({**place, "id": f"i-{n}", "tags": {"env": "prod", "team": "web"}} for n in range(300))
        yield server


@pytest.fixture
def untag(tmp_path: Path, jd: JdcloudServer) -> Untag:
    return Untag(tmp_path, environment((jd,)))
