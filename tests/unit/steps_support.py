"""What the tests of the steps ask for, and the cloud where it stands."""

from typing import Any

from scripted_provider import Cloud


def ids(number: int) -> dict[str, Any]:
    return {"resources": [{"type": "vm", "ids": [f"i-{n}" for n in range(number)]}]}


def tags(*keys: str) -> dict[str, Any]:
    return {"tags": [{"key": key, "value": "v"} for key in keys]}


def having(number: int, *keys: str) -> Cloud:
    return Cloud({f"i-{n}": dict.fromkeys(keys, "v") for n in range(number)})
