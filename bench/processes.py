"""Fresh processes and long-lived ones: what they cost, and what they answer."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LAYER = ROOT / "layers" / "untag" / "python"
OWN_APP = ROOT / "functions" / "remove_tags"
SDK_APP = ROOT / "bench" / "sdk"

# Made ready for the first call: every client, and the TLS context with its certificates, which both sides otherwise
# make at their first https request.
READY = {
    "own": "import sys; sys.path.insert(0, sys.argv[1]); import app\n"
    "from untag.transport import Transport; Transport()._make_context()\n",
    "sdk": "import sys; sys.path.insert(0, sys.argv[1]); import app, ssl, certifi\n"
    "ssl.create_default_context(cafile=certifi.where())\n",
    "floor": "import asyncio, ssl, hmac, hashlib, dataclasses, logging\nssl.create_default_context()\n",
}

_POWERTOOLS = (
    "from aws_lambda_powertools import Logger\n"
    "from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider\n"
)
_PYDANTIC = (
    "from pydantic import AwareDatetime, BaseModel, BeforeValidator, TypeAdapter\n"
    "class Model(BaseModel):\n    name: str\n"
)

WITHOUT_COLLECTIONS = "the same without garbage collections, as untag starts"

# What the package depends on, piece by piece: the limit of any cold start that keeps them.
PIECES = {
    "python itself": "",
    "asyncio": "import asyncio",
    "a TLS context with its certificates": "import ssl; ssl.create_default_context()",
    "httpx": "import httpx",
    "pydantic and one model": _PYDANTIC,
    "powertools: logger and metrics": _POWERTOOLS,
    "all of these in one process": f"import asyncio, httpx\n{_POWERTOOLS}{_PYDANTIC}"
    "httpx.create_ssl_context(trust_env=False)",
    WITHOUT_COLLECTIONS: f"import gc; gc.disable()\nimport asyncio, httpx\n{_POWERTOOLS}{_PYDANTIC}"
    "httpx.create_ssl_context(trust_env=False)",
    "untag's contracts (with pydantic)": "import untag.contracts",
}
READY |= PIECES

# getrusage's peak begins with what the parent held before exec; this one does not.
PEAK = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')), file=sys.stderr)"
"""The last thing that a measured process does: its peak resident memory in kB, as the last line of its errors."""


class Cost(NamedTuple):
    """CPU seconds, and peak resident memory in MB."""

    cpu: float
    rss: float


@dataclass(frozen=True)
class Side:
    """One of the two that are compared, under one interpreter."""

    name: str
    python: Path
    app: Path

    @property
    def version(self) -> str:
        """The interpreter's version, as `3.13`."""
        told = subprocess.run([self.python, "-V"], capture_output=True, text=True, check=True).stdout
        return ".".join(told.split()[1].split(".")[:2])


def bare(environment: dict[str, str]) -> dict[str, str]:
    """The environment of a measured process, and nothing of this one's."""
    return {"PATH": os.defpath, "LANG": "en_US.UTF-8", "PYTHONPATH": str(LAYER), **environment}


def fresh(side: Side, what: str, environment: dict[str, str]) -> Cost:
    """Start a process, let it come up, and take what it used."""
    return cost([side.python, "-c", f"{READY[what]}\nimport sys; {PEAK}", side.app], bare(environment))


def cost(command: Sequence[str | Path], environ: Mapping[str, str], folder: Path | None = None) -> Cost:
    """What a process used, from its start to its end. It has to tell its `PEAK`. Raises RuntimeError if it fails."""
    with subprocess.Popen(
        command, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        told = process.stderr.read() if process.stderr is not None else ""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}: {told}")
    return Cost(used.ru_utime + used.ru_stime, int(told.split()[-1]) / 1000)


def imports(side: Side, environment: dict[str, str]) -> list[tuple[str, float]]:
    """The import time of each top-level package by itself, in milliseconds, greatest first (-X importtime).

    Of our own package and of untag's models each module counts for itself.
    """
    told = subprocess.run(
        [side.python, "-X", "importtime", "-c", READY["own"], str(side.app)],
        env=bare(environment),
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    found: dict[str, float] = {}
    for line in told.splitlines():
        own, _, name = line.removeprefix("import time:").split("|") if line.count("|") == 2 else ("", "", "")  # noqa: PLR2004
        if own.strip().isdigit():
            package = name.strip() if name.strip().startswith("untag") else name.strip().partition(".")[0]
            found[package] = found.get(package, 0.0) + int(own) / 1000
    return sorted(found.items(), key=lambda item: -item[1])


class Driver:
    """A handler in a process of its own, kept between invocations."""

    def __init__(self, side: Side, environment: dict[str, str], log: Path | None = None) -> None:
        self.side = side
        self._process = subprocess.Popen(
            [side.python, ROOT / "bench" / "driver.py", side.app, *([log] if log else [])],
            env=bare(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._read()

    def ask(self, **orders: Any) -> dict[str, Any]:
        """Give an order and wait for its answer."""
        if self._process.stdin is None:
            raise RuntimeError("the driver has no input")
        self._process.stdin.write(json.dumps(orders) + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(10)

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise RuntimeError(f"{self.side.name}: the process has ended")
        found: dict[str, Any] = json.loads(line)
        return found
