"""Misbehaviour of the local clouds, switched on and off by name while a stack is up.

The rules that the files in events/ are made for (`seed.json`) stand beside those that somebody switched on; they stay
unless they are named as well.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

from local.errors import LocalError
from local.providers.faults import Fault
from local.providers.server import ProviderServer

_COUNTS = frozenset({"matched", "injected"})
_USUAL: Mapping[str, Any] = {
    one.name: one.default for one in fields(Fault) if one.default is not MISSING and one.name not in _COUNTS
}
# What a kind needs to show an effect, where the command gives no value.
_SENSIBLE: Mapping[str, Mapping[str, Any]] = {
    "count": {"amount": -1},
    "delay": {"seconds": 2.0},
}


class FaultSwitches:
    """The faults of one stack's local clouds. `is_seeded` says which of them the files in events/ rely on."""

    def __init__(self, servers: Mapping[str, ProviderServer], is_seeded: Callable[[Fault], bool]) -> None:
        self._servers = servers
        self._is_seeded = is_seeded

    def on(self, do: str, clouds: Sequence[str], how: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Switch a kind of misbehaviour on, at these clouds or at all that know it; `how` is fields of a Fault."""
        struck = []
        refusals = []
        for name in self._named(clouds):
            try:
                rule = Fault.from_dict({"do": do, **_SENSIBLE.get(do, {}), **how})
            except (TypeError, ValueError) as error:
                raise LocalError(f"no such fault: {error}", "the names: `local faults`") from None
            try:
                self._servers[name].faults.add(rule)
            except ValueError as error:
                refusals.append(f"{name}: {error}")
                continue
            struck.append(self._row(name, rule))
        if not struck:
            raise LocalError("; ".join(refusals), "another cloud may know it: leave --cloud out")
        return struck

    def off(self, names: Sequence[str], clouds: Sequence[str], *, seeded: bool) -> list[dict[str, Any]]:
        """Switch off the kinds that are named, or all of them, and give what was on and how often it struck."""
        ended = []
        for cloud in self._named(clouds):
            faults = self._servers[cloud].faults
            for rule in faults:
                if (not names or rule.do in names) and (seeded or not self._is_seeded(rule)):
                    faults.remove(rule)
                    ended.append(self._row(cloud, rule))
        return ended

    def snapshot(self) -> list[dict[str, Any]]:
        """Every rule that is on, with how often it matched and struck."""
        return [self._row(name, rule) for name, server in self._servers.items() for rule in server.faults]

    def _row(self, cloud: str, rule: Fault) -> dict[str, Any]:
        """A rule with what is not as usual about it."""
        content = rule.as_dict()
        how = {name: content[name] for name, usual in _USUAL.items() if content[name] != usual}
        counts = {name: content[name] for name in sorted(_COUNTS)}
        return {"cloud": cloud, "do": rule.do, "how": how, "seeded": self._is_seeded(rule), **counts}

    def _named(self, clouds: Sequence[str]) -> Iterable[str]:
        if not self._servers:
            raise LocalError("this stack has real clouds: nothing misbehaves there on order")
        if unknown := [name for name in clouds if name not in self._servers]:
            raise LocalError(f"there is no local cloud {unknown[0]}", f"there is {', '.join(self._servers)}")
        return clouds or list(self._servers)
