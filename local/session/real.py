"""Real clouds: the functions on this machine, and the clouds' own endpoints with keys from this shell's environment.

Nothing is sent to a stack with real clouds before a person has confirmed it with the number of pairs. The stack itself
holds to that, not the command: it works the number out anew from what it is given, and compares. What is understood of
an event is worked out by untag's own contracts and provider modules, so that both mean the same.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from local import package
from local.aws import routing
from local.errors import LocalError

if TYPE_CHECKING:
    from untag.contracts import RemovalRequest

_PASSED_ON = re.compile(r"UNTAG_(ENDPOINTS|ACCOUNTS)")
"""Variables of this shell that the functions get besides the keys. Guardrails are given by --env and --parameter, where
they can be seen."""

_REFUSED_VARIABLES = frozenset({"UNTAG_DRY_RUN", "UNTAG_CREDENTIALS"})
ANY = "any"
"""What confirms an event whose number of pairs is not known beforehand."""


@dataclass(frozen=True)
class Place:
    """What an event asks for at one cloud, in one account and region."""

    provider: str
    account: str
    region: str
    types: tuple[str, ...]
    action: str
    dry_run: bool
    resources: int
    pairs: int


@dataclass(frozen=True)
class Plan:
    """What an event asks for as a whole. `pairs` None: not known before it is processed."""

    pairs: int | None
    places: tuple[Place, ...]

    def as_dict(self) -> dict[str, Any]:
        """The plan as JSON carries it."""
        return asdict(self)


def plan(event: Any) -> Plan:
    """What an event asks for; LocalError where it is no valid request."""
    places: dict[tuple[str, str, str, str, bool], list[RemovalRequest]] = {}
    unknown = False
    for item in routing.route(event):
        requests = _requests(item)
        unknown = unknown or requests is None
        for request in requests or ():
            # How many tags a resource has, only reading tells.
            unknown = unknown or isinstance(request.tags, str)
            key = (request.provider, request.account, request.region or "", request.action.value, request.dry_run)
            places.setdefault(key, []).append(request)
    all_places = tuple(_place(key, requests) for key, requests in places.items())
    return Plan(None if unknown else sum(place.pairs for place in all_places), all_places)


def _place(key: tuple[str, str, str, str, bool], requests: Iterable["RemovalRequest"]) -> Place:
    provider, account, region, action, dry_run = key
    requests = list(requests)
    return Place(
        provider,
        account,
        region,
        tuple(sorted({type_ for request in requests for type_ in request.ids_by_type()})),
        action,
        dry_run,
        sum(len(ids) for request in requests for ids in request.ids_by_type().values()),
        sum(request.pairs() for request in requests),
    )


def _requests(item: routing.QueueMessage | routing.BusEvent) -> "tuple[RemovalRequest, ...] | None":
    """The removal requests in something that is sent; None for what leads to requests only later."""
    package.find()
    from untag.contracts import InvalidInputError, parse_requests, unwrap  # noqa: PLC0415
    from untag.contracts.envelopes import DETAIL_TYPE  # noqa: PLC0415
    from untag.providers import Registry  # noqa: PLC0415

    if isinstance(item, routing.BusEvent):
        if item.entry["DetailType"] != DETAIL_TYPE:
            return None
        payload: Any = item.entry["Detail"]
    elif item.queue:
        return None
    else:
        payload = item.body
    try:
        unwrapped = unwrap(payload, "event")
        return Registry().checked(
            parse_requests(unwrapped.payload, unwrapped.id), listed=isinstance(unwrapped.payload, list)
        )
    except InvalidInputError as error:
        raise LocalError(f"no valid removal request: {error}", "nothing was sent; mend it and send it again") from None


class RealClouds:
    """The keys and endpoints of one stack's clouds, and whether it may change anything there.

    `environ` is this shell's. Raises LocalError that names the variables which are missing, never a value.
    """

    def __init__(self, environ: Mapping[str, str], *, dry_run: bool) -> None:
        package.find()
        from untag.contracts import InvalidInputError  # noqa: PLC0415
        from untag.providers import NAMES, apis_of  # noqa: PLC0415
        from untag.settings import provider_options  # noqa: PLC0415

        self.dry_run = dry_run
        self.missing: dict[str, list[str]] = {}
        """The variables without which nothing can be called, by cloud."""
        self.variables = {name: value for name, value in environ.items() if value and _PASSED_ON.fullmatch(name)}
        """What the functions are given."""
        for name in NAMES:
            credentials = apis_of(name)[0].credentials
            if credentials.of_host:
                continue  # the local stack gives the functions their own
            variables = credentials.variables
            self.variables |= {one: environ[one] for one in variables.values() if environ.get(one)}
            self.missing[name] = credentials.missing(environ)
        if all(self.missing.values()):
            raise LocalError("no cloud has its keys in the environment", _how_to_set(self.missing))
        try:
            provider_options(self.variables)
        except InvalidInputError as error:
            raise LocalError(f"a variable of this shell is wrong: {error}", "mend it, or unset it") from None
        self.variables["UNTAG_CREDENTIALS"] = "env"
        if dry_run:
            self.variables["UNTAG_DRY_RUN"] = "on"

    @property
    def clouds(self) -> list[str]:
        """The clouds that have their keys."""
        return [name for name, missing in self.missing.items() if not missing]

    def describe(self) -> dict[str, Any]:
        """What a person has to know, as JSON: it holds no credentials."""
        endpoints = dict(pair.split("=", 1) for pair in self.variables.get("UNTAG_ENDPOINTS", "").split(",") if pair)
        return {"dry_run": self.dry_run, "clouds": self.clouds, "endpoints": endpoints}

    def check_plan(self, asked: Plan) -> None:
        """LocalError unless it can be confirmed at all: its clouds have their keys, and what it leads to is known."""
        for place in asked.places:
            if place.provider not in self.missing:
                raise LocalError(
                    f"{place.provider} cannot be reached from here: nothing was sent",
                    "the functions have keys of their own on the local stack",
                )
            if missing := self.missing.get(place.provider):
                raise LocalError(
                    f"{place.provider} has no keys here: nothing was sent", _how_to_set({place.provider: missing})
                )
            if place.account != "default":
                raise LocalError(
                    f"there are no keys for the account {place.account}: nothing was sent",
                    "this shell's variables are those of the account default",
                )
        if asked.pairs is None and not self.dry_run:
            raise LocalError(
                "nobody can say beforehand how many pairs this leads to: nothing was sent",
                "start the stack without --no-dry-run: its reports say what to ask for",
            )

    def check_confirmed(self, asked: Plan, confirmed: Any) -> None:
        """LocalError unless exactly this was confirmed."""
        self.check_plan(asked)
        expected = ANY if asked.pairs is None else asked.pairs
        if type(confirmed) is not type(expected) or confirmed != expected:  # to Python, true is 1
            raise LocalError(
                "real clouds, and it is not confirmed: nothing was sent",
                "at a terminal the command asks; in a script: --yes --expect with the number of pairs",
            )


def refuse_variables(given: Iterable[str]) -> None:
    """LocalError for what would get round the dry run, or round the keys that were looked at."""
    if odd := sorted(_REFUSED_VARIABLES.intersection(given)):
        raise LocalError(f"--real sets {', '.join(odd)} itself", "--no-dry-run lets it change things")


def _how_to_set(missing: Mapping[str, list[str]]) -> str:
    return "; ".join(f"{cloud} needs {' and '.join(names)}" for cloud, names in missing.items())
