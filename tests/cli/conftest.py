"""A local cloud, and the command with its credentials."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from aws_support import moto_server
from cli_support import Untag
from functiongraph_support import stack_that_is_up

from local.functiongraph.stack import FunctionGraphStack
from local.providers import JdcloudServer, environment


@pytest.fixture(autouse=True)
def _ctrl_c_is_obeyed() -> Iterator[None]:
    """Where the tests' own shell runs in the background, it has SIGINT ignored, and commands would inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def jd() -> Iterator[JdcloudServer]:
    with JdcloudServer() as server:
        place = {"region": "cn-north-1", "type": "vm"}
        server.tags.load({**place, "id": f"i-{n}", "tags": {"env": "prod", "team": "web"}} for n in range(300))
        yield server


@pytest.fixture
def untag(tmp_path: Path, jd: JdcloudServer) -> Untag:
    return Untag(tmp_path, environment((jd,)))


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The address of moto's server, on which stacks can be deployed."""
    yield from moto_server()


@pytest.fixture(scope="module")
def functiongraph() -> Iterator[FunctionGraphStack]:
    """A stack of FunctionGraph that is up in this process."""
    with stack_that_is_up() as running:
        yield running
