"""The throw-away project, up."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from throwaway import TEMPLATE, project

from local.stack import Overrides, Stack


@pytest.fixture(scope="session", autouse=True)
def _ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Stacks in other processes keep their reports here, and not in the ledger of the person who runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNTAG_LEDGER", str(tmp_path_factory.mktemp("ledger")))
        yield


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The throw-away project, up; records that failed come again after a second."""
    overrides = Overrides(visibility_timeout=0.5, batching_window=0.1)
    template = project(tmp_path_factory.mktemp("project"))
    with Stack(template, overrides=overrides, providers=False) as started:
        yield started


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The throw-away project with nothing that reads its queue."""
    template = TEMPLATE.replace("Queue: !GetAtt Work.Arn", "Enabled: false\n            Queue: !GetAtt Work.Arn")
    with Stack(project(tmp_path_factory.mktemp("idle"), template), providers=False) as started:
        yield started


def _client(service: str, stack: Stack) -> Iterator[Any]:
    keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret", "region_name": "eu-west-1"}
    config = Config(retries={"max_attempts": 0})
    client = boto3.client(service, endpoint_url=stack.aws.url, config=config, **keys)
    yield client
    client.close()


@pytest.fixture(scope="module")
def sqs(idle: Stack) -> Iterator[Any]:
    """AWS's own client for the queues of the idle project; it asks once."""
    yield from _client("sqs", idle)


@pytest.fixture(scope="module")
def sns(idle: Stack) -> Iterator[Any]:
    """The same for its topic."""
    yield from _client("sns", idle)
