"""The handlers on FunctionGraph: `index.remove`, `index.due`, `index.sweep`, `index.decommission`, `index.initializer`.

The runtime brings libraries of its own, some of them too old for ours. So the folder `vendor`, with all that the
package needs, comes first on the path, and what the runtime has imported already of the one that matters is dropped.
"""

import sys
from pathlib import Path
from typing import Any

_VENDOR = Path(__file__).resolve().parent / "vendor"
if _VENDOR.is_dir():
    sys.path.insert(0, str(_VENDOR))
    # pydantic needs a newer one than the runtime's 4.12.2.
    sys.modules.pop("typing_extensions", None)

from untag.startup import without_collections  # noqa: E402 - the path comes first

with without_collections():
    from untag.hosts.functiongraph import Due, FunctionGraphFunction, Process
    from untag.removal import Remover

process = Process()
_remove = FunctionGraphFunction(process, "work", Remover)
_due = Due(process)
_others: dict[str, FunctionGraphFunction] = {}


def initializer(context: Any) -> None:
    """Read the variable `UNTAG` before the first invocation. A mistake in it is named here."""
    with without_collections():
        process.initialize(context)


def remove(event: Any, context: Any) -> dict[str, Any]:
    """Bells, requests of triggers, and payloads by hand -> provider calls -> reports, remainders, dead letters."""
    return _remove(event, context)


def decommission(event: Any, context: Any) -> dict[str, Any]:
    """Events that say a resource is gone -> removal requests on the work queue, or a notice that says why not."""
    if "decommission" not in _others:
        from untag.decommission.service import Decommissioner  # noqa: PLC0415 - the other functions do without

        _others["decommission"] = FunctionGraphFunction(process, "decommission", Decommissioner)
    return _others["decommission"](event, context)


def sweep(event: Any, context: Any) -> dict[str, Any]:
    """Schedules and continuations -> listings -> removal requests on the work queue, and a notice at the end."""
    if "sweep" not in _others:
        from untag.sweep.service import Sweeper  # noqa: PLC0415 - the other functions do without

        _others["sweep"] = FunctionGraphFunction(process, "sweep", Sweeper)
    return _others["sweep"](event, context)


def due(event: Any, context: Any) -> dict[str, Any]:
    """The timer's round each minute, and the redrive of dead letters."""
    return _due(event, context)
