"""What a process makes before its first invocation: under SnapStart many environments start from a snapshot of it."""

import asyncio
import random
import socket
from functools import partial

import pytest
from support import ACCESS_KEY, SECRET_KEY, TOKEN

from untag.core import Timing
from untag.decommission.service import Decommissioner
from untag.hosts.aws import LambdaFunction
from untag.removal import Remover
from untag.sweep.service import Sweeper

QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/untag-"
SECRETS = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_SESSION_TOKEN": TOKEN,
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "container-token",
    "JDCLOUD_ACCESS_KEY": "jd",
    "JDCLOUD_SECRET_KEY": "jd-secret",
    "HUAWEICLOUD_SDK_AK": "hw",
    "HUAWEICLOUD_SDK_SK": "hw-secret",
}
ENVIRONMENT = SECRETS | {
    "AWS_REGION": "eu-west-1",
    "UNTAG_QUEUE_URL": QUEUE + "work",
    "UNTAG_SWEEP_QUEUE_URL": QUEUE + "sweep",
    "UNTAG_DEAD_LETTER_QUEUE_URL": QUEUE + "dead",
    "UNTAG_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:untag",
}
SERVICES = [partial(LambdaFunction, work) for work in (Remover, Decommissioner, Sweeper)]


class Watched(dict):
    """An environment that keeps a list of the variables that were read."""

    def __init__(self, variables):
        super().__init__(variables)
        self.read = set()

    def get(self, name, default=None):
        self.read.add(name)
        return super().get(name, default)

    def __getitem__(self, name):
        self.read.add(name)
        return super().__getitem__(name)


def never(*_, **__):
    raise AssertionError("not before the first invocation")


@pytest.mark.parametrize("credentials", ["env", "secretsmanager:untag"])
@pytest.mark.parametrize("service", SERVICES)
def test_starting_opens_no_socket_reads_no_clock_and_takes_nothing_by_chance(monkeypatch, service, credentials):
    monkeypatch.setattr(socket.socket, "__init__", never)
    monkeypatch.setattr(socket, "socketpair", never)
    monkeypatch.setattr(asyncio, "new_event_loop", never)
    monkeypatch.setattr("os.urandom", never)
    watched = Watched(ENVIRONMENT | {"UNTAG_CREDENTIALS": credentials})
    assert service(watched, timing=Timing(now=never, monotonic=never, sleep=never, chance=never))
    assert not watched.read & set(SECRETS), "a key that is read now is part of the snapshot"
    assert "AWS_REGION" in watched.read, "the environment is watched"


@pytest.mark.parametrize("service", SERVICES)
def test_the_loop_is_made_at_the_first_invocation_and_kept(service):
    started = service(ENVIRONMENT)

    async def which():
        return asyncio.get_running_loop()

    first, second = (started.runtime.run(which()) for _ in range(2))
    assert first is second
    first.close()


def test_chance_has_no_state_that_two_environments_could_share():
    random.seed(1)
    first = [Timing().chance() for _ in range(3)]
    random.seed(1)
    assert [Timing().chance() for _ in range(3)] != first
    assert all(0 <= number <= 1 for number in first)
