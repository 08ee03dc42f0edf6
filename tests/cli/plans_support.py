"""The command line as a person calls it, with local clouds behind it and accounts in a file."""

import csv
import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import warm

from local import ROOT
from local.providers import HuaweicloudTmsServer, JdcloudServer, environment
from local.providers.accounts import Account
from local.providers.server import ProviderServer

PROJECT = "5f0c2a9d8e7b46310f00c0de00000001"
VM = {"region": "cn-north-1", "type": "vm"}
ECS = {"region": PROJECT, "type": "ecs"}


class WorkFolder:
    """A folder with accounts of its own at local clouds, and a ledger of its own."""

    def __init__(self, folder: Path, *servers: ProviderServer, accounts: Iterable[str] = ("default",)) -> None:
        self.path = folder
        self.ledger = folder / "ledger"
        secrets = {}
        for server in servers:
            for name in accounts:
                access_key, secret_key = f"AK{server.provider}{name}".upper(), f"secret-of-{name}"
                secret = {"access_key": access_key, "secret_key": secret_key, "rate": 10_000}
                domain = "d0" if server.provider == "huaweicloud" else None
                server.credentials[access_key] = Account(secret_key, domain_id=domain, name=name)
                secrets[f"{server.provider}/{name}"] = {**secret, **({"domain_id": domain} if domain else {})}
        (folder / "accounts.json").write_text(json.dumps(secrets))
        self.environ = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'layers/untag/python'}",
            "UNTAG_CREDENTIALS": f"file:{folder / 'accounts.json'}",
            "UNTAG_ENDPOINTS": environment(servers)["UNTAG_ENDPOINTS"],
            "UNTAG_LEDGER": str(self.ledger),
        }

    def untag(self, *words: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        """Call the command, in the folder."""
        return warm.run(*words, cwd=self.path, env={**self.environ, **environ}, stdin=stdin, timeout=240)

    def json(self, *words: str, status: int = 0, **environ: str) -> Any:
        """Call the command with --json; its answer."""
        ended = self.untag(*words, "--json", **environ)
        assert ended.returncode == status, ended.stdout + ended.stderr
        return json.loads(ended.stdout)

    def write(self, name: str, content: Any) -> str:
        """A file of the folder; its name."""
        text = content if isinstance(content, str) else json.dumps(content)
        (self.path / name).write_text(text, encoding="utf-8")
        return name

    def rows(self, name: str) -> list[dict[str, str]]:
        """The rows of a CSV file of the folder."""
        with (self.path / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def rewrite(self, name: str, rows: Iterable[Mapping[str, str]]) -> None:
        """Rows in place of a CSV file's own, as a spreadsheet would save them."""
        names = ["provider", "account", "region", "project_id", "type", "id", "key", "value"]
        with (self.path / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)

    def plan(self, name: str) -> Any:
        """A plan of the folder."""
        return json.loads((self.path / name).read_text(encoding="utf-8"))


def writes(*servers: JdcloudServer | HuaweicloudTmsServer) -> int:
    """Calls that changed something, or tried to."""
    return sum(call.writing for server in servers for call in server.calls)


def jd_request(*ids: str, **fields: Any) -> dict[str, Any]:
    """A request for the key env, whatever its value."""
    resources = [{"type": "vm", "ids": list(ids)}]
    body = {"provider": "jdcloud", "region": "cn-north-1", "resources": resources, "tags": [{"key": "env"}]}
    return {**body, **fields}
