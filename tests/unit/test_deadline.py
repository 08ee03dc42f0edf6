"""Law 6 at large: whatever the clouds and AWS do, an invocation ends before its time does, and nothing is lost by it.

In virtual time, so that a thousand invocations in which every call stalls take seconds. `FUZZ_EXAMPLES` says how many
there are: 1,000 where it is what `make faults` asks for.
"""

import json
import os
import random

import pytest
from aws_model import QUEUE
from service_house import House, huawei_request, jd_request, put, record

INVOCATIONS = max(7, int(os.environ.get("FUZZ_EXAMPLES", "10000")) // 50)
TIMEOUTS = (3.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)


def requests_of(rng: random.Random, number: int) -> list[dict]:
    """A batch of one to six requests at both clouds."""
    made = []
    for place in range(rng.randint(1, 6)):
        ids = [f"r-{number}-{place}-{n}" for n in range(rng.choice((1, 3, 40)))]
        make = rng.choice((jd_request, huawei_request))
        made.append(make(*ids, id_=f"chg-{number}-{place}", tags={"a": "1", "b": "2"}))
    return made


@pytest.mark.parametrize("seconds", TIMEOUTS)
def test_no_invocation_is_killed_by_its_time_out_though_every_provider_call_stalls(seconds: float) -> None:
    rng = random.Random(int(seconds))  # noqa: S311 - repeatable, not secret
    for number in range(INVOCATIONS // len(TIMEOUTS) + 1):
        with House(seconds=seconds, seed=number) as house:
            raws = requests_of(rng, number)
            for server in (house.jd, house.huawei):
                put(server, *(id_ for raw in raws for id_ in raw["resources"][0]["ids"]), tags={"a": "1", "b": "2"})
                server.faults.add("stall", applied=rng.choice((True, False)))
            returned = house.batch(*(record(raw, raw["id"], receives=rng.choice((1, 1, 3))) for raw in raws))
            assert house.took < seconds, "the function would have been killed"
            house.check(*(raw for raw in raws if raw["id"] not in returned))
            told = {report["id"] for report in house.aws.reports}
            back = {
                json.loads(message["MessageBody"])["id"]
                for message in house.aws.queues[QUEUE]
                if "untag_receives" in message["MessageAttributes"]
            }
            assert {raw["id"] for raw in raws} == told | back | set(returned), "handed back or delivered, in time"


@pytest.mark.parametrize("seconds", [3.0, 30.0, 120.0])
@pytest.mark.parametrize("service", ["sqs", "sns"])
def test_no_invocation_is_killed_though_aws_stalls_too(service: str, seconds: float) -> None:
    for number in range(20):
        with House(seconds=seconds, seed=number) as house:
            house.jd.faults.add("stall")
            house.aws.trouble = lambda called, *_: "stall" if called == service else None
            raws = [jd_request(f"r-{n}", id_=f"chg-{n}") for n in range(5)]
            returned = house.batch(*(record(raw, raw["id"]) for raw in raws))
            assert house.took < seconds
            assert set(returned) == {raw["id"] for raw in raws}
            assert not house.aws.messages()
