"""Misbehaviour of the local clouds and outages of the host's services, switched on and off by name while a stack is up.

The rules that the files in events/ are made for (`seed.json`) stand beside those that were switched on here. They stay
on unless `seeded` is given.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, Protocol

from local.errors import LocalError
from local.providers.faults import KINDS, Fault, Faults
from local.providers.server import ProviderServer
from local.session.fault_names import AWS_KINDS, AWS_SERVICES

_COUNTS = frozenset({"matched", "injected"})
_USUAL: Mapping[str, Any] = {
    one.name: one.default for one in fields(Fault) if one.default is not MISSING and one.name not in _COUNTS
}
# What a kind needs to show an effect, where the command gives no value.
_SENSIBLE: Mapping[str, Mapping[str, Any]] = {
    "count": {"amount": -1},
    "delay": {"seconds": 2.0},
}


class Services(Protocol):
    """The host's own services as a stack has them."""

    @property
    def faults(self) -> Mapping[str, Faults]:
        """The rules of each, by its name."""


class FaultSwitches:
    """The faults of one stack: of its local clouds, and of its host's services.

    `is_seeded` says which rules the files in events/ rely on.
    """

    def __init__(
        self, servers: Mapping[str, ProviderServer], is_seeded: Callable[[Fault], bool], services: Services
    ) -> None:
        self._servers = servers
        self._is_seeded = is_seeded
        self._services = services

    def on(self, do: str, clouds: Sequence[str], how: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Switch a kind of misbehaviour on, at these clouds or at all that know it; `how` is fields of a Fault.

        The host's services misbehave only where they are named among `clouds`.
        """
        struck = []
        refusals = []
        for name in self._checked(clouds) or self._clouds():
            try:
                rule = Fault.from_dict({"do": do, **_SENSIBLE.get(do, {}), **how})
            except (TypeError, ValueError) as error:
                raise LocalError(f"no such fault: {error}", "the names: `local faults`") from None
            try:
                struck.append(self._add(name, rule))
            except ValueError as error:
                refusals.append(f"{name}: {error}")
        if not struck:
            raise LocalError("; ".join(refusals), "another cloud may know it: leave --cloud out")
        return struck

    def off(self, names: Sequence[str], clouds: Sequence[str], *, seeded: bool) -> list[dict[str, Any]]:
        """Switch off the kinds that are named, or all of them, and give what was on and how often it struck."""
        if unknown := [name for name in names if name not in KINDS]:
            raise LocalError(f"no such fault: {unknown[0]}", "the names: `local faults`")
        ended = []
        for cloud in self._checked(clouds) or [*self._servers, *self._services.faults]:
            faults = self._faults(cloud)
            for rule in faults:
                if (not names or rule.do in names) and (seeded or not self._is_seeded(rule)):
                    faults.remove(rule)
                    ended.append(self._row(cloud, rule))
        return ended

    def snapshot(self) -> list[dict[str, Any]]:
        """Every rule that is on, with how often it matched and struck."""
        return [
            self._row(name, rule) for name in (*self._servers, *self._services.faults) for rule in self._faults(name)
        ]

    def _faults(self, cloud: str) -> Faults:
        return self._services.faults[cloud] if cloud in self._services.faults else self._servers[cloud].faults

    def _add(self, cloud: str, rule: Fault) -> dict[str, Any]:
        if cloud in AWS_SERVICES:
            _check_for_aws(rule)
        self._faults(cloud).add(rule)
        return self._row(cloud, rule)

    def _row(self, cloud: str, rule: Fault) -> dict[str, Any]:
        """A rule with what is not as usual about it."""
        content = rule.as_dict()
        how = {name: content[name] for name, usual in _USUAL.items() if content[name] != usual}
        counts = {name: content[name] for name in sorted(_COUNTS)}
        return {"cloud": cloud, "do": rule.do, "how": how, "seeded": self._is_seeded(rule), "over": rule.over, **counts}

    def _clouds(self) -> Sequence[str]:
        """Every local cloud; LocalError where the clouds are real."""
        if not self._servers:
            raise LocalError("this stack has real clouds: nothing misbehaves there on order")
        return list(self._servers)

    def _checked(self, names: Sequence[str]) -> Sequence[str]:
        """The same names; LocalError for one that is neither a local cloud nor a service of the host."""
        if all(name in self._services.faults for name in names):
            return names
        known = [*self._clouds(), *self._services.faults]
        if unknown := [name for name in names if name not in known]:
            raise LocalError(f"there is no local cloud {unknown[0]}", f"there is {', '.join(known)}")
        return names


def _check_for_aws(rule: Fault) -> None:
    """ValueError for what AWS's services do not know."""
    if rule.do not in AWS_KINDS:
        raise ValueError(f"AWS's services know {', '.join(sorted(AWS_KINDS))}, not {rule.do}")
    if rule.ids or rule.keys:
        raise ValueError("a call to AWS's services names no resource and no tag key")
