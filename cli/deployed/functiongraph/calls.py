"""Where a deployment on FunctionGraph is, what Terraform's outputs say of it, and calls to its services.

The calls are those of the functions' own host. They are signed with the keys of this shell, by the names that
Terraform's provider has for them.
"""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from cli.deployed.base import Place
from cli.errors import INVALID, CommandError
from untag.contracts import InvalidInputError
from untag.core import Timing
from untag.hosts.functiongraph.bells import Bells
from untag.hosts.functiongraph.client import Huawei, HuaweiError
from untag.hosts.functiongraph.dead_letters import DeadLetters
from untag.hosts.functiongraph.obs import Obs
from untag.hosts.functiongraph.queues import Queues
from untag.hosts.functiongraph.settings import Places
from untag.transport import Client, Transport

T = TypeVar("T")

ACCESS_KEY, SECRET_KEY, SECURITY_TOKEN = "HW_ACCESS_KEY", "HW_SECRET_KEY", "HW_SECURITY_TOKEN"

READ_OUTPUTS = ("bucket", "reports_topic", "functions", "keeps_reports", "max_pairs")
"""The outputs of Terraform that are read."""

ENDPOINTS = "HW_ENDPOINTS"
"""`service=url` pairs in place of the public endpoints; UNTAG_ENDPOINTS of a shell has those of the clouds."""

_HOW = "to write it: terraform -chdir=deploy/functiongraph output -json > outputs.json"
_FORBIDDEN = 403
_WRONG_KEY = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "APIGW.0301")
_SOME = 16


class _Keys:
    """The keys of a shell, as the host's client asks a context for them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def getSecurityAccessKey(self) -> str | None:  # noqa: N802 - FunctionGraph's own name
        return self._environ.get(ACCESS_KEY)

    def getSecuritySecretKey(self) -> str | None:  # noqa: N802
        return self._environ.get(SECRET_KEY)

    def getSecurityToken(self) -> str | None:  # noqa: N802
        return self._environ.get(SECURITY_TOKEN)


class _Refusals:
    """Why bells were not taken."""

    def __init__(self) -> None:
        self.codes: list[str] = []

    def noted(self, line: str, **facts: Any) -> None:  # noqa: ARG002 - as the bells say it
        """A bell was not taken."""
        self.codes.append(str(facts.get("code", "")))


class Services:
    """The services of a deployment during one piece of work."""

    def __init__(self, places: Places, environ: Mapping[str, str], client: Client) -> None:
        self.timing = Timing()
        self._refusals = _Refusals()
        huawei = Huawei(places, client, self.timing)
        huawei.begin(_Keys(environ), lambda: float("inf"))
        self.obs = Obs(huawei)
        self.queues = Queues(self.obs, self.timing)
        self.bells = Bells(huawei, self._refusals)
        self.dead_letters = DeadLetters(self.obs, self.queues, self.bells, self.timing)

    @property
    def refused_bells(self) -> list[str]:
        """The codes of bells that were refused: what they name is late, and nothing else."""
        return self._refusals.codes

    async def texts(self, keys: list[str]) -> list[tuple[str, str]]:
        """Objects by their keys, but for those that are gone; some at a time. Raises HuaweiError."""
        pairs: list[tuple[str, str]] = []
        for start in range(0, len(keys), _SOME):
            part = keys[start : start + _SOME]
            stored = await asyncio.gather(*map(self.obs.get, part))
            pairs += [(key, one.text) for key, one in zip(part, stored, strict=True) if one is not None]
        return pairs


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment and the shell that asks it."""

    place: Place
    places: Places
    environ: Mapping[str, str] = field(repr=False)
    max_pairs: int

    def __str__(self) -> str:
        """The deployment in an error's words."""
        return "the local stack" if self.place.local else f"the deployment of {self.place.functiongraph}"

    def call(self, work: Callable[[Services], Awaitable[T]]) -> T:
        """What calls to the services give. Raises CommandError where one failed."""

        async def whole() -> T:
            async with Client(Transport()) as client:
                return await work(Services(self.places, self.environ, client))

        try:
            return asyncio.run(whole())
        except InvalidInputError as error:
            raise CommandError(str(error), "set the variable anew, or unset it", status=INVALID) from None
        except HuaweiError as error:
            raise _refused(error) from None


def on_this_machine(place: Place, described: Mapping[str, Any], environ: Mapping[str, str]) -> Deployment:
    """The local stack, by what it says of itself and the variables that it gives a shell."""
    return _deployment(place, described["terraform"], environ)


def deployed(place: Place, file: Path) -> Deployment:
    """The deployment whose outputs stand in a file. Raises CommandError."""
    environ = os.environ
    if missing := [name for name in (ACCESS_KEY, SECRET_KEY) if not environ.get(name)]:
        raise CommandError(
            f"there is no {' and no '.join(missing)} in this shell",
            "the access key that Terraform's provider has: export HW_ACCESS_KEY=… HW_SECRET_KEY=…",
            status=INVALID,
        )
    return _deployment(place, _outputs(file), environ)


def _outputs(file: Path) -> dict[str, Any]:
    """Terraform's outputs by their names. Raises CommandError."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return {name: one["value"] for name, one in content.items()}
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}", _HOW, status=INVALID) from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise CommandError(f"{file} does not hold Terraform's outputs as JSON", _HOW, status=INVALID) from None


def _deployment(place: Place, outputs: Mapping[str, Any], environ: Mapping[str, str]) -> Deployment:
    try:
        bucket, topic, functions, keeps_reports, max_pairs = (outputs[name] for name in READ_OUTPUTS)
        variables = {
            "UNTAG_BUCKET": bucket,
            "UNTAG_TOPIC_URN": topic,
            "UNTAG_REMOVE_FUNCTION": functions["remove"],
            "UNTAG_DECOMMISSION_FUNCTION": functions["decommission"],
            "UNTAG_SWEEP_FUNCTION": functions["sweep"],
            "UNTAG_KEEP_REPORTS": "on" if keeps_reports else "off",
            "UNTAG_ENDPOINTS": environ.get(ENDPOINTS, ""),
        }
        places = Places.from_environment(variables)
        return Deployment(place, places, environ, int(max_pairs))
    except (InvalidInputError, TypeError, AttributeError, ValueError) as error:
        raise CommandError(f"an output is not as it should be: {error}", _HOW, status=INVALID) from None
    except KeyError as error:
        raise CommandError(
            f"there is no output {error.args[0]} in it",
            f"apply the templates of this version first, then write the outputs anew; {_HOW}",
            status=INVALID,
        ) from None


def _refused(error: HuaweiError) -> CommandError:
    hint = ""
    if error.code in _WRONG_KEY:
        hint = f"the keys of this shell are not accepted: {ACCESS_KEY}, {SECRET_KEY}, {SECURITY_TOKEN}"
    elif error.status == _FORBIDDEN:
        hint = "docs/functiongraph.md lists the rights that these commands need"
    elif error.code in {"connection", "timeout"}:
        hint = "is the region right, and can this machine reach Huawei Cloud without a proxy?"
    return CommandError(f"Huawei Cloud refuses or cannot be reached: {error}", hint)
