"""Events of the clouds: recorded ones, what they are taken to say, and what the decommission function makes of them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_model import AwsModel
from bookkeeping import Json
from service_house import ENVIRON, CloudWire, record

from local.providers import ProviderServer
from untag.decommission.events import Said, read
from untag.decommission.service import Decommissioner
from untag.hosts.aws import LambdaFunction

VECTORS = Path(__file__).parents[1] / "vectors"


def recorded_event(folder: str, name: str) -> Any:
    """An event as a cloud has sent it, or as its documents show it."""
    return json.loads((VECTORS / folder / f"{name}.json").read_text(encoding="utf-8"))


def said(event: Any) -> Said:
    """The one thing that an event says."""
    (one,) = read(json.dumps(event), "m-1")
    return one


def led_to(
    event: Any, clouds: Mapping[str, ProviderServer], settings: Mapping[str, str]
) -> tuple[list[Json], list[dict[str, str]]]:
    """What the function asks for at these clouds, by their hosts; and what its dead letters say of themselves."""
    model = AwsModel()
    function = LambdaFunction(Decommissioner, {**ENVIRON, **settings}, transport=CloudWire(model, clouds))
    try:
        assert function.batch([record(event)], lambda: 60.0) == {"batchItemFailures": []}
    finally:
        function.runtime.close()
    return model.messages(), [attributes for _, attributes in model.letters()]
