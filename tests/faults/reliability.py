"""docs/reliability.md, out of what was measured."""

from typing import Any

from scale import (
    CONCURRENCY,
    ENVIRONMENTS,
    FUNCTION_SECONDS,
    MAX_DELAY_SECONDS,
    QUEUE_SECONDS,
    SLACK_SECONDS,
    SPEED,
    VISIBILITY_SECONDS,
)

Json = dict[str, Any]

HEAD = """# Reliability, as measured

Written by `make faults`; do not edit. The campaign is in `tests/faults`: the real function in processes under the local
runtime, real HTTP to the local clouds (all that untag knows, several accounts, keys in Secrets Manager), and moto's
SQS, SNS and Secrets Manager behind the local stack. The books are kept outside the program, from the requests as they
were sent, the reports and dead letters as they came, and the clouds' own tables and call logs.
"""

SCALED = f"""## What was scaled

- Time in the functions passes {SPEED:g} times as fast, all of it by the same factor: a call's time-out of 10 seconds
  takes {10 / SPEED:g}, the circuit's 30 seconds {30 / SPEED:g}, the 5 minutes of a closed account and of a secret
  {300 / SPEED:g}, and the one-minute outage of all clouds {60 / SPEED:g}.
- A function knows of {FUNCTION_SECONDS - SLACK_SECONDS:g} real seconds, which are
  {(FUNCTION_SECONDS - SLACK_SECONDS) * SPEED:g} of its own (the template says 120). It is ended {SLACK_SECONDS:g} real
  second later, since the machine itself does not get faster.
- The queue hides a message for {VISIBILITY_SECONDS:g} real seconds (the template says {QUEUE_SECONDS:g}; 6 and 2 in
  the calmer phases), and delays one by {MAX_DELAY_SECONDS:g} real second at most (a remainder may ask for 900).
  The topic's ten minutes are kept in proportion to that.
- {ENVIRONMENTS} processes with {CONCURRENCY} calls in flight each; the rate is so high that it never holds a call.
  Dates are real.
- Deadlines and stalls of many minutes run in virtual time, over the same code in one process
  (`tests/unit/test_deadline.py`, 1,000 invocations at seven time-outs in which every call stalls), and so does the
  state machine (`tests/unit/test_stateful.py`).
- A seed repeats the workload and each cloud's dice, not the order in which processes happen to run.
"""


def document(told: list[Json], on_functiongraph: Json, caught: dict[str, Json], fuzzed: Json) -> str:
    """The page."""
    of_aws = [_results(told), _faults(told), _figures(told)]
    return "\n".join([HEAD, *of_aws, _functiongraph(on_functiongraph), _planted(caught), _fuzz(fuzzed), SCALED])


def _table(head: list[str], rows: list[list[Any]]) -> str:
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines) + "\n"


def _found(told: Json, *laws: str) -> int:
    return sum(len(found) for law, found in told["findings"].items() if any(word in law for word in laws))


_FALSE = ("false", "stands", "never did")


def _results(told: list[Json]) -> str:
    rows: list[list[Any]] = [
        ["(resource, tag) pairs", *(f"{one['pairs']:,}" for one in told)],
        ["requests; messages", *(f"{one['requests']:,}; {one['messages']:,}" for one in told)],
        ["answers that no document states", *(_guesses(one) for one in told)],
        ["tags are read before they are changed", *(one.get("read_first", "on") for one in told)],
        ["pairs lost", *(_found(one, "lost") for one in told)],
        ["95 % bound of losses (3/n, if none)", *(f"{3 / one['pairs']:.1e}" for one in told)],
        ["false `removed`, `absent` or `would_remove`", *(_found(one, *_FALSE) for one in told)],
        ["tags touched that nobody asked for", *(_found(one, "touched", "dry") for one in told)],
        ["tags removed that the reports do not let anybody put back", *(_found(one, "undone") for one in told)],
        ["reports that do not add up, or share an id", *(_found(one, "add up", "report_id") for one in told)],
        ["everything else that was found", *(_rest(one) for one in told)],
        ["seconds", *(round(one["seconds"]) for one in told)],
    ]
    return "## What was found\n\n" + _table(["seed", *(one["seed"] for one in told)], rows)


def _guesses(told: Json) -> str:
    return "; ".join(
        f"{server}: {', '.join(f'{name} {value}' for name, value in options.items())}"
        for server, options in told.get("guesses", {}).items()
    )


def _rest(told: Json) -> int:
    named = _found(told, "lost", *_FALSE, "touched", "dry", "undone", "add up", "report_id")
    return sum(len(found) for found in told["findings"].values()) - named


def _faults(told: list[Json]) -> str:
    names = dict.fromkeys(name for one in told for name in one["faults"])
    calls = [one["figures"]["provider calls"] for one in told]
    rows = [[name, *(_share(name, one, total) for one, total in zip(told, calls, strict=True))] for name in names]
    text = (
        "Counted where they struck. Behind a cloud's faults stands their share of all provider calls, and with those "
        "that only change what an answer of success says, of the answers of success that they could strike. Huawei "
        "Cloud's errors and empty lists are counted by the shape in which they were told, whatever they told of.\n\n"
    )
    return "## Faults that were injected\n\n" + text + _table(["fault", *(f"seed {one['seed']}" for one in told)], rows)


def _share(name: str, told: Json, calls: int) -> str:
    count = told["faults"].get(name, 0)
    calls = told["chances"].get(name, calls)
    of_cloud = ":" not in name and "message" not in name and "function" not in name
    return f"{count} ({100 * count / calls:.1f} %)" if of_cloud and calls else str(count)


def _figures(told: list[Json]) -> str:
    names = dict.fromkeys(name for one in told for name in one["figures"])
    rows = [[name, *(_shown(one["figures"].get(name, "-")) for one in told)] for name in names]
    outcomes = dict.fromkeys(name for one in told for name in one["outcomes"])
    rows += [[f"rows in reports: {name}", *(one["outcomes"].get(name, 0) for one in told)] for name in outcomes]
    return "## Figures\n\n" + _table(["figure", *(f"seed {one['seed']}" for one in told)], rows)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {count}" for name, count in value.items())
    return str(value)


def _functiongraph(told: Json) -> str:
    rows: list[list[Any]] = [
        ["(resource, tag) pairs", f"{told['pairs']:,}"],
        ["messages", f"{told['messages']:,}"],
        ["pairs lost", _found(told, "lost")],
        ["everything else that was found", sum(map(len, told["findings"].values())) - _found(told, "lost")],
        *([name, count] for name, count in told["counts"].items()),
        *([name, _shown(value)] for name, value in told["figures"].items()),
        ["seconds", round(told["seconds"])],
    ]
    text = (
        "The same workload by the functions of the other host, in processes that die, with a host that loses bells, "
        "misses firings of its timer, discards surplus invocations and replaces the keys of its agency, and with "
        "services that fail. What went wrong is counted where it struck.\n\n"
    )
    return "## On Huawei Cloud FunctionGraph\n\n" + text + _table(["", f"seed {told['seed']}"], rows)


def _planted(caught: dict[str, Json]) -> str:
    rows = [
        [name.replace("_", " "), ", ".join(_laws(found)) or "**nothing**", round(found["seconds"])]
        for name, found in caught.items()
    ]
    text = "Each in the functions' processes only, in a campaign of its own that is shorter.\n\n"
    return "## Bugs that were planted\n\n" + text + _table(["bug", "caught by", "seconds"], rows)


def _laws(found: Json) -> list[str]:
    return list(dict.fromkeys(law.rpartition(": ")[2] for law in found["findings"] if "itself failed" not in law))


def _fuzz(fuzzed: Json) -> str:
    return (
        "## Fuzz, doors, deadlines and the state machine\n\n"
        f"{fuzzed['examples']:,} payloads made by hypothesis, and what else runs in virtual time: {fuzzed['text']}\n"
    )
