"""Draws docs/img/dashboard.svg: the dashboard of observability.yaml over a run on this machine.

    python -m tools.dashboard_picture [--to docs/img/dashboard.svg]

The local stack works for less than a minute; the widgets are those of the template, with their metrics, dimensions and
expressions, evaluated over what the functions printed and what the local queues, topic and functions did. A point is a
second, where CloudWatch has five minutes.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.stack import ROOT, Overrides, Stack
from tools.dashboard import drawing, widgets
from tools.dashboard.alarms import rings
from tools.dashboard.collect import Collector
from tools.dashboard.metrics import Metrics, Periods
from tools.dashboard.workload import SECONDS, Workload

PICTURE = ROOT / "docs" / "img" / "dashboard.svg"
_NOTE = (
    "Drawn by tools/dashboard_picture.py from a run of {seconds} seconds on one machine; the widgets are those of "
    "observability.yaml. A point is one second here and five minutes in CloudWatch."
)


def draw(body: Mapping[str, Any], alarms: Mapping[str, Mapping[str, Any]], metrics: Metrics, periods: Periods) -> str:
    """The picture of a dashboard's body; `alarms` are the resolved properties by logical id."""
    panels = []
    for widget in body["widgets"]:
        if widget["type"] == "text":
            panels.append(drawing.words(widget))
        elif widget["type"] == "alarm":
            states = {name.removesuffix("Alarm"): rings(alarm, metrics, periods) for name, alarm in alarms.items()}
            panels.append(drawing.states(widget, states))
        elif widget["properties"]["view"] == "singleValue":
            panels.append(drawing.numbers(widget, widgets.shown(widget, metrics, periods)))
        else:
            seen = widgets.shown(widget, metrics, periods)
            panels.append(drawing.graph(widget, seen, periods.seconds * periods.count))
    note = _NOTE.format(seconds=round(periods.seconds * periods.count))
    return drawing.picture("The dashboard of a stack", panels, body["widgets"], note)


def alarms_of(body: Mapping[str, Any], stack: Stack) -> dict[str, dict[str, Any]]:
    """The properties of the alarms that the dashboard shows, by logical id."""
    application = stack.template.applications["Observability"]
    names = [arn.rpartition(":")[2] for widget in body["widgets"] for arn in widget["properties"].get("alarms", [])]
    ids = [name.removeprefix(f"{stack.name}-Observability-") for name in names]
    return {logical_id: application.properties(logical_id) for logical_id in ids}


def main() -> int:
    """Run the workload and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--to", type=Path, default=PICTURE)
    given = parser.parse_args()
    collector = Collector()
    # An invocation of the throttled part takes up to 8 seconds: what it works at must not come a second time.
    overrides = Overrides(environment={"UNTAG_RATE": "60"}, visibility_timeout=10, batching_window=0.2, max_delay=1)
    with Stack(overrides=overrides, sink=collector.line) as stack, collector.watching(stack):
        began = time.time()
        Workload(stack).run()
        body = widgets.body(stack.template.applications["Observability"].resolver)
        alarms = alarms_of(body, stack)
    given.to.write_text(draw(body, alarms, collector.metrics, Periods(began, 1.0, SECONDS)), encoding="utf-8")
    print(given.to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
