"""A small job with the command: 40 resources in three accounts at two clouds, one of which refuses the credentials."""

import json
import os
import pty
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from local.providers import HuaweicloudTmsServer, JdcloudServer, environment
from local.providers.accounts import Account
from local.providers.server import ProviderServer
from local.stack import ROOT
from tools.screenshots.drawing import COLUMNS

_PROJECT = "5f0c2a9d8e7b46310f00c0de00000001"
_BATCH = "cleanup-2026-11"
_PLAN = "untag plan cleanup.csv -o plan.csv --batch cleanup-2026-11"
_STATUS = "untag status cleanup-2026-11"
_SECONDS = 60.0
_KEYS = ("env", "owner", "expires-on")


def pictures() -> dict[str, tuple[str, str]]:
    """By the picture's name: a command, and what it printed on a terminal."""
    with (
        JdcloudServer() as jd,
        HuaweicloudTmsServer() as tms,
        tempfile.TemporaryDirectory(prefix="untag-pictures-") as name,
    ):
        folder = Path(name)
        environ = _prepared(folder, jd, tms)
        planned = _on_a_terminal(_PLAN, folder, environ)
        jd.faults.add("partial", ids=("i-107",), operation="writing", message="the resource is being migrated")
        tms.faults.add("unauthorized")
        _stopped(folder, environ)
        return {"plan": (_PLAN, planned), "status": (_STATUS, _on_a_terminal(_STATUS, folder, environ))}


def _prepared(folder: Path, jd: JdcloudServer, tms: HuaweicloudTmsServer) -> dict[str, str]:
    """Tags at the clouds, a file that names them, and the accounts; the environment of the command."""
    rows = ["provider,account,region,project_id,type,id,key,value"]

    def put(server: ProviderServer, account: str, region: str, type_: str, ids: list[str], where: str) -> None:
        for number, id_ in enumerate(ids):
            tags = {"env": ("staging", "test")[number % 2], "owner": "li", "team": "web"}
            tags |= {"expires-on": "2026-10-31"} if number % 3 == 0 else {}
            server.tags.load([{"account": account, "region": region, "type": type_, "id": id_, "tags": tags}])
            rows.extend(f"{server.provider},{account},{where},{type_},{id_},{key},*" for key in _KEYS)

    put(jd, "shop", "cn-north-1", "vm", [f"i-{number}" for number in range(101, 119)], "cn-north-1,")
    put(jd, "lab", "cn-north-1", "disk", [f"vol-{number}" for number in range(201, 213)], "cn-north-1,")
    put(tms, "shop", _PROJECT, "ecs", [f"ecs-{number}" for number in range(301, 311)], f",{_PROJECT}")
    rows.append("jdcloud,shop,cn-north-1,,vm,i-999,env,*")
    (folder / "cleanup.csv").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    secrets: dict[str, dict[str, str]] = {}
    for server, account in ((jd, "shop"), (jd, "lab"), (tms, "shop")):
        secret = {"access_key": f"AK{account}{server.provider}", "secret_key": f"secret-of-{account}"}
        domain = "d0" if server.provider == "huaweicloud" else None
        server.credentials[secret["access_key"]] = Account(secret["secret_key"], domain_id=domain, name=account)
        secrets[f"{server.provider}/{account}"] = {**secret, **({"domain_id": domain} if domain else {})}
    (folder / "accounts.json").write_text(json.dumps(secrets), encoding="utf-8")
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers" / "untag" / "python")]),
        "TERM": "xterm-256color",
        "UNTAG_CREDENTIALS": "file:accounts.json",
        "UNTAG_ENDPOINTS": environment((jd, tms))["UNTAG_ENDPOINTS"],
        "UNTAG_LEDGER": "ledger",
    }


def _command(line: str) -> list[str]:
    return [sys.executable, "-m", "cli", *line.split()[1:]]


def _on_a_terminal(line: str, folder: Path, environ: Mapping[str, str]) -> str:
    """What a command prints where its standard output is a terminal."""
    import fcntl  # noqa: PLC0415 - where there are no terminals there are no such modules
    import termios  # noqa: PLC0415

    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
    with subprocess.Popen(_command(line), cwd=folder, env=environ, stdout=its, stderr=subprocess.DEVNULL) as process:
        os.close(its)
        printed = _read_all(ours)
    os.close(ours)
    if process.returncode not in {0, 3}:
        raise RuntimeError(f"{line} ended with {process.returncode}: {printed}")
    return printed


def _read_all(file: int) -> str:
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(file, 65536)
        except OSError:  # how Linux says that the other end is closed
            part = b""
        if not part:
            return b"".join(parts).decode()
        parts.append(part)


def _stopped(folder: Path, environ: Mapping[str, str]) -> None:
    """Apply the plan, and stop when all that is left waits for other credentials."""
    pairs = str(len((folder / "plan.csv").read_text(encoding="utf-8").splitlines()) - 1)
    words = [*_command("untag apply plan.csv --no-new --yes --expect"), pairs]
    with subprocess.Popen(
        words, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        waiting = folder / "ledger" / _BATCH / "waiting.jsonl"
        _wait_for(lambda: _refused(waiting))
        process.send_signal(signal.SIGINT)


def _refused(waiting: Path) -> bool:
    lines: list[dict[str, Any]] = []
    if waiting.exists():
        lines = [json.loads(line) for line in waiting.read_text(encoding="utf-8").splitlines()]
    return bool(lines) and all(line.get("code") == "account_closed" for line in lines)


def _wait_for(done: Callable[[], bool]) -> None:
    end = time.monotonic() + _SECONDS
    while not done():
        if time.monotonic() > end:
            raise RuntimeError("the job does not come to the state of the picture")
        time.sleep(0.1)
