"""Runs the fault campaigns, the planted bugs and the fuzz tests, and writes docs/reliability.md: `make faults`.

`make faults SEED=7` runs one seed and writes nothing.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FAULTS = ROOT / "tests" / "faults"
PATHS = (ROOT, FAULTS, FAULTS / "hooks", ROOT / "tests" / "unit", ROOT / "layers" / "untag" / "python")
PAIRS = 100_000
MUTANT_PAIRS = 3000
HOST_PAIRS = 20_000
"""Pairs of a campaign on FunctionGraph: most of its time is the host's own waiting."""
FAILED = "the campaign itself failed"
ENDLESS = "does not come to an end"
SETTINGS_OF: dict[str, dict[str, Any]] = {
    "runs_a_suspect_among_its_neighbours": {"phases": ("poison",)},
    "never_opens_the_circuit": {"phases": ("outage",)},
    "sends_the_remainder_before_the_publish": {"phases": ("topic",)},
    "drops_the_remainder_on_a_send_error": {"patience": 120.0},
    "loses_the_last_tag": {"patience": 120.0},
    "drops_the_evidence_from_remainders": {"patience": 120.0},
    "keeps_a_secret_until_it_is_refused": {"phases": ("rotation",)},
    "ignores_what_failed_at_huawei_cloud": {"only": ("huaweicloud-tms",)},
    "ignores_what_failed_at_alibaba_cloud": {"only": ("alibabacloud",)},
    "ignores_what_failed_at_aws": {"only": ("aws",)},
    "ignores_what_failed_at_tencent_cloud": {"only": ("tencentcloud",)},
    "ignores_what_failed_at_volcengine": {"only": ("volcengine",)},
    "ignores_what_failed_at_azure": {"only": ("azure",)},
    "ignores_what_failed_at_google_cloud": {"only": ("gcp",)},
    "repeats_a_stale_write_without_comparing": {"only": ("gcp",)},
    "believes_that_what_is_accepted_is_done": {"only": ("azure",)},
    "compares_protected_keys_by_their_case": {"only": ("azure",)},
    "uses_a_token_after_it_expired": {"only": ("azure",)},
    "takes_another_accounts_token": {"only": ("azure",)},
    "believes_a_read_of_other_ids": {"only": ("jdcloud",)},
    "believes_a_write_in_which_other_ids_failed": {"only": ("huaweicloud-tms",)},
    # What is read first is asked for only where it stands, and so is counted.
    "believes_a_count_that_is_too_small": {"read_first": False, "guess": 2},
}
"""What a planted bug needs to show, beyond a storm."""
MIX_OF: dict[str, dict[str, float]] = {
    # A bug that shows when something cannot be sent needs more that cannot.
    "drops_the_dead_letter_on_a_send_error": {"letters": 0.4},
    "drops_the_remainder_on_a_send_error": {"aws": 0.4},
}
"""Faults that a planted bug needs to show, beyond the usual mix."""
PAIRS_OF = {
    "believes_a_read_of_other_ids": 12_000,
    "believes_a_write_in_which_other_ids_failed": 12_000,
    "compares_protected_keys_by_their_case": 8000,
}
"""Pairs that a planted bug needs to show, where it needs an answer that is rare."""
SEEDS = (1, 2, 3)
FUZZ = 50_000

Json = dict[str, Any]


PARTS = ("campaigns", "functiongraph", "mutants", "fuzz", "document")
KEPT = ROOT / ".local" / "faults"


def main() -> int:
    """Run what the command line asks for; 0 if nothing was found that should not be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="one seed only, and nothing written")
    parser.add_argument("--pairs", type=int, help=f"of a seed's campaign: {PAIRS}, and {HOST_PAIRS} on functiongraph")
    parser.add_argument("--mutant", default="", help="one planted bug only")
    parser.add_argument("--host", choices=("aws", "functiongraph"), default="aws", help="where the one seed runs")
    parser.add_argument("--only", choices=PARTS, action="append", help="some parts; what others found is kept")
    parser.add_argument("--answer", type=Path, help="run one campaign in this process, and write its outcome here")
    parser.add_argument("--phase", action="append", help="with --answer: some phases of the campaign, in order")
    given = parser.parse_args()
    if given.pairs is None:  # a campaign of some phases may have none
        given.pairs = PAIRS if given.host == "aws" else HOST_PAIRS
    if given.answer:
        run_here(given)
        return 0
    KEPT.mkdir(parents=True, exist_ok=True)
    if given.seed is None and given.host != "aws":
        parser.error("--host needs a --seed; --only functiongraph is the part that runs there")
    if given.seed is not None:
        told = campaign(given.seed, given.pairs, given.mutant, given.host)
        show(told)
        return bool(told["findings"])
    if given.mutant:
        return int(not planted([given.mutant]))
    parts = {
        "campaigns": lambda: campaigns(given.pairs),
        "functiongraph": functiongraph,
        "mutants": planted,
        "fuzz": fuzz,
        "document": document,
    }
    return max(int(not parts[name]()) for name in given.only or PARTS)


def keep(name: str, found: Any) -> None:
    """What a part found, for the document."""
    (KEPT / f"{name}.json").write_text(json.dumps(found))


def kept(name: str) -> Any:
    """What a part found when it ran last; nothing if it never did."""
    file = KEPT / f"{name}.json"
    return json.loads(file.read_text()) if file.exists() else {}


def run_here(given: argparse.Namespace) -> None:
    """One campaign, in this process."""
    sys.path[:0] = map(str, PATHS)
    from campaign import PHASES, Campaign  # noqa: PLC0415
    from functiongraph_campaign import Campaign as OnFunctionGraph  # noqa: PLC0415
    from weather import Mix  # noqa: PLC0415

    told: Campaign | OnFunctionGraph
    if given.host == "functiongraph":
        told = OnFunctionGraph(given.seed, given.pairs, mutant=given.mutant, patience=600.0)
    elif given.mutant:
        mix = Mix(**{"aws": 0.15, "killed": 0.02, **MIX_OF.get(given.mutant, {})})
        settings = {"phases": ("storm",), "patience": 40.0, **SETTINGS_OF.get(given.mutant, {})}
        told = Campaign(given.seed, given.pairs, mix=mix, mutant=given.mutant, **settings)
    else:
        told = Campaign(given.seed, given.pairs, patience=600.0, phases=given.phase or PHASES)
    given.answer.write_text(json.dumps(vars(told.run())))


def campaign(seed: int, pairs: int, mutant: str = "", host: str = "aws") -> Json:
    """One campaign, in a process of its own."""
    answer = KEPT / f"campaign-{host}-{seed}-{mutant or 'whole'}.json"
    answer.unlink(missing_ok=True)
    command = [sys.executable, "-W", "ignore", __file__, "--seed", str(seed), "--pairs", str(pairs)]
    command += ["--answer", str(answer), "--mutant", mutant, "--host", host]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if not answer.exists():
        return {"seed": seed, "findings": {FAILED: [f"exit {done.returncode}: {done.stderr[-2000:]}"]}, "seconds": 0.0}
    found: Json = json.loads(answer.read_text())
    return found


def seen(found: Json) -> list[str]:
    """The laws that the account found broken; a campaign that failed by itself or has no end has found nothing."""
    return [law for law in found["findings"] if law not in {FAILED, ENDLESS}]


def campaigns(pairs: int) -> bool:
    """Every seed, each with others of the answers that the clouds may give."""
    told = []
    for seed in SEEDS:
        told.append(campaign(seed, pairs))
        show(told[-1])
        keep("campaigns", told)
    return not any(one["findings"] for one in told)


def functiongraph() -> bool:
    """The first seed on the other host."""
    told = campaign(SEEDS[0], HOST_PAIRS, host="functiongraph")
    show(told)
    keep("functiongraph", told)
    return not told["findings"]


def planted(only: list[str] | None = None) -> bool:
    """Every planted bug, or some; what is known of the others is kept."""
    names = only or mutants()
    with ThreadPoolExecutor(2) as pool:
        outcomes = pool.map(lambda name: campaign(1, PAIRS_OF.get(name, MUTANT_PAIRS), name), names)
        caught = dict(zip(names, outcomes, strict=True))
    for name, found in caught.items():
        print(f"{'caught' if seen(found) else 'MISSED'}  {name}: {', '.join(seen(found))}", flush=True)
    keep("mutants", {**(kept("mutants") if only else {}), **caught})
    return all(map(seen, caught.values()))


def mutants() -> list[str]:
    """The planted bugs, by name."""
    files = (FAULTS / "hooks" / name for name in ("mutants.py", "cloud_mutants.py"))
    return [name for file in files for name in re.findall(r"@mutant\ndef (\w+)", file.read_text(encoding="utf-8"))]


def fuzz() -> bool:
    """The fuzz and what runs in virtual time, with as many examples as the long form takes."""
    tests = [f"tests/unit/test_{name}.py" for name in ("fuzz", "doors", "deadline", "stateful")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-o", "addopts=--strict-markers", "-q", "-p", "no:cacheprovider", *tests],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "FUZZ_EXAMPLES": str(FUZZ)},
    )
    last = (done.stdout.strip().splitlines() or [done.stderr[-300:]])[-1]
    print(last)
    keep("fuzz", {"text": last, "examples": FUZZ})
    return done.returncode == 0


def show(told: Json) -> None:
    """A campaign's outcome, for a person."""
    print(f"seed {told['seed']}: {told.get('pairs', 0)} pairs in {told['seconds']:.0f} s")
    for name, value in told.get("figures", {}).items():
        print(f"  {name}: {value}")
    for law, found in told["findings"].items():
        print(f"  FOUND {law}: {len(found)}")
        for one in found[:5]:
            print(f"    {one}")
    if not told["findings"]:
        print("  nothing was found: 0 lost, 0 false, 0 touched that nobody asked for")
    sys.stdout.flush()


def document() -> bool:
    """docs/reliability.md, out of what the other parts found."""
    sys.path[:0] = map(str, PATHS)
    from reliability import document as written  # noqa: PLC0415

    parts = {name: kept(name) for name in ("campaigns", "functiongraph", "mutants", "fuzz")}
    failed = [one for one in [*parts["campaigns"], parts["functiongraph"]] if "pairs" not in one]
    if failed or not all(parts.values()):
        print("docs/reliability.md is not written: a part has not run, or failed by itself")
        return False
    text = written(*parts.values())
    (ROOT / "docs" / "reliability.md").write_text(text, encoding="utf-8")
    return True


if __name__ == "__main__":
    sys.exit(main())
