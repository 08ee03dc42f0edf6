"""The cold start of this checkout beside another one's, in turn: `python tools/cold_start_beside.py OTHER [TIMES]`.

`--one-cloud` in the place of OTHER is this checkout with the folder of one cloud alone, so that the ratio says what all
the others cost. CPU seconds of a fresh process that imports the handler of remove_tags, as a function does at its
start. Each checkout runs with the same interpreter and packages (`.venv-runtime`); what counts is the ratio of the
medians.
"""

import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent.parent
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_REGION": "eu-west-1",
    "UNTAG_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/000000000000/work",
    "UNTAG_DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/000000000000/dead",
    "UNTAG_TOPIC_ARN": "arn:aws:sns:eu-west-1:000000000000:reports",
    "POWERTOOLS_SERVICE_NAME": "untag",
    "POWERTOOLS_METRICS_NAMESPACE": "untag",
}


def cost(checkout: Path) -> float:
    """CPU seconds of one start."""
    process = subprocess.Popen(
        [str(HERE / ".venv-runtime" / "bin" / "python"), "-c", "import app"],
        cwd=checkout / "functions" / "remove_tags",
        env={"PATH": os.defpath, "PYTHONPATH": str(checkout / "layers" / "untag" / "python"), **ENVIRONMENT},
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"the handler of {checkout} cannot be imported")
    process.returncode = 0
    return used.ru_utime + used.ru_stime


def with_one_cloud(folder: Path) -> Path:
    """A checkout in this folder that has JD Cloud alone."""
    package = Path("layers", "untag", "python", "untag")
    for copied in (package, Path("functions")):
        shutil.copytree(HERE / copied, folder / copied, ignore=shutil.ignore_patterns("__pycache__"))
    for cloud in (folder / package / "providers").iterdir():
        if cloud.is_dir() and cloud.name != "jdcloud":
            shutil.rmtree(cloud)
    return folder


def compare(other: Path, times: int) -> None:
    """Measure in turn, and print the medians and their ratio."""
    costs: dict[Path, list[float]] = {HERE: [], other: []}
    for at in range(-1, times):  # the first writes bytecode where there is none
        for checkout, measured in costs.items():
            seconds = cost(checkout)
            if at >= 0:
                measured.append(seconds)
    own, others = (statistics.median(measured) for measured in costs.values())
    print(f"this checkout {own * 1000:.0f} ms CPU, the other {others * 1000:.0f} ms: {own / others:.3f} x")


def main() -> None:
    """Compare what the command line names."""
    times = int(sys.argv[2]) if sys.argv[2:] else 15
    if sys.argv[1] != "--one-cloud":
        compare(Path(sys.argv[1]).resolve(), times)
        return
    with TemporaryDirectory() as folder:
        compare(with_one_cloud(Path(folder)), times)


if __name__ == "__main__":
    main()
