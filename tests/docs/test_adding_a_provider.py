"""docs/adding-a-provider.md, followed to the letter: its files, in a copy of the project, and an event through the real
function against a small Sky Cloud.
"""

import hashlib
import hmac
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from docs_support import ROOT
from pages import missing_headings

from local.stack import Overrides, Stack

PAGE = ROOT / "docs" / "adding-a-provider.md"
_FILE = re.compile(r"^`(?P<path>[^`\n]+)`(, continued)?:\n\n```\w*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
COPIED = ("layers", "functions", "events", "tools", "docs", "pyproject.toml", "README.md")
COPIED += ("template.yaml", "observability.yaml")
FOLDER = "layers/untag/python/untag/providers/skycloud"


class Sky(ThreadingHTTPServer):
    """The invented cloud: it checks signatures, keeps tags, throttles its first call, and locks one resource."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tags = {
            id_: {"env": "staging", "team": "checkout", "owner": "x"}
            for id_ in ("s-manual01", "s-manual02", "s-locked01")
        }
        self.tags["s-manual02"]["env"] = "prod"
        self.calls: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: Sky

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        text = "\n".join(("POST", self.path, self.headers["x-sky-date"], hashlib.sha256(content).hexdigest()))
        signature = hmac.new(b"sample-secret", text.encode(), hashlib.sha256).hexdigest()
        operation = self.path.partition(":")[2]
        self.server.calls.append(operation)
        if self.headers["authorization"] != f"SKY1 AKSAMPLE:{signature}":
            self._answer(401, {"code": "InvalidKey"})
        elif len(self.server.calls) == 1:
            self._answer(400, {"code": "Throttling"})
        else:
            self._answer(200, self._done(operation, json.loads(content)))

    def _done(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        table = self.server.tags
        if operation == "list":
            rows = [(id_, table[id_]) for id_ in body["ids"] if id_ in table]
            listed = [{"id": id_, "tags": [{"key": k, "value": v} for k, v in tags.items()]} for id_, tags in rows]
            return {"request_id": "sky-1", "resources": listed}
        failed = []
        for id_ in body["ids"]:
            if "locked" in id_:
                failed.append({"id": id_, "code": "Locked", "message": "locked by its owner"})
                continue
            for key in body.get("keys", ()):
                table[id_].pop(key, None)
            table[id_].update({tag["key"]: tag["value"] for tag in body.get("tags", ())})
        return {"request_id": "sky-1", "failed": failed}

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Keeps quiet."""


def files_of_the_page() -> dict[str, str]:
    """The page's files; what is continued is put together."""
    made: dict[str, list[str]] = {}
    for found in _FILE.finditer(PAGE.read_text(encoding="utf-8")):
        made.setdefault(found["path"], []).append(found["text"])
    joined = {}
    for path, parts in made.items():
        text = parts[0]
        for part in parts[1:]:
            text += ("\n" if part.startswith("    ") else "\n\n") + part
        joined[path] = text
    return joined


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which the page was followed."""
    folder = tmp_path_factory.mktemp("followed")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    for name, text in files_of_the_page().items():
        path = folder / name
        assert not path.exists(), "a new cloud changes no file"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{folder}:{folder / 'layers/untag/python'}"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )


def test_a_cloud_is_a_folder_a_contract_test_an_event_and_a_page() -> None:
    inside = {path for path in files_of_the_page() if path.startswith(f"{FOLDER}/")}
    outside = {"tests/contract/test_skycloud.py", "events/skycloud_manual.json", "docs/providers/skycloud.md"}
    assert set(files_of_the_page()) - inside == outside


def test_the_new_page_has_the_headings_of_all_others_and_is_linked_beside_them(followed: Path) -> None:
    assert not missing_headings(followed / "docs" / "providers" / "skycloud.md")
    done = run(followed, "tools/clouds.py")
    assert done.returncode == 0, done.stderr
    assert "| [`skycloud`](providers/skycloud.md) |" in (followed / "docs" / "clouds.md").read_text(encoding="utf-8")


def test_the_pages_code_is_in_the_houses_style(followed: Path) -> None:
    for arguments in (["format", "--check"], ["check"]):
        done = run(followed, "-m", "ruff", *arguments, "--no-cache", FOLDER, "tests/contract/test_skycloud.py")
        assert done.returncode == 0, done.stdout


def test_the_pages_contract_test_passes(followed: Path) -> None:
    done = run(followed, "-m", "pytest", "-p", "no:cacheprovider", "tests/contract/test_skycloud.py")
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout or "100%" in done.stdout


def test_the_schemas_can_be_made_anew_and_know_the_cloud(followed: Path) -> None:
    done = run(followed, "-m", "tools.schemas")
    assert done.returncode == 0, done.stderr
    schema = json.loads((followed / "docs/schemas/removal-request.json").read_text(encoding="utf-8"))
    assert "skycloud" in schema["properties"]["provider"]["enum"]


@pytest.fixture(scope="module")
def sky() -> Iterator[Sky]:
    with Sky() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def stack(followed: Path, sky: Sky) -> Iterator[Stack]:
    environ = {
        "UNTAG_CREDENTIALS": "env",
        "UNTAG_ENDPOINTS": f"skycloud.tags=http://127.0.0.1:{sky.server_port}",
        "SKYCLOUD_ACCESS_KEY": "AKSAMPLE",
        "SKYCLOUD_SECRET_KEY": "sample-secret",
    }
    overrides = Overrides(environment=environ, batching_window=0.1, max_delay=1)
    with Stack(followed / "template.yaml", overrides=overrides, providers=False) as running:
        yield running


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_event_runs_through_the_real_function_and_is_reported_as_the_cloud_saw_it(
    stack: Stack, sky: Sky, followed: Path
) -> None:
    stack.send(followed / "events" / "skycloud_manual.json")
    stack.drain()
    (report,) = stack.reports()
    told = {(row["resource_id"], row["key"]): row["outcome"] for row in report["outcomes"]}
    assert told == {
        ("s-manual01", "env"): "removed",
        ("s-manual01", "team"): "removed",
        ("s-manual02", "env"): "absent",  # its value is another
        ("s-manual02", "team"): "removed",
        ("s-locked01", "env"): "failed",
        ("s-locked01", "team"): "failed",
    }
    assert (report["provider"], report["status"], report["complete"]) == ("skycloud", "partial", True)
    assert sky.tags == {
        "s-manual01": {"owner": "x"},
        "s-manual02": {"env": "prod", "owner": "x"},
        "s-locked01": {"env": "staging", "team": "checkout", "owner": "x"},
    }
    assert sky.calls[:2] == ["list", "list"], "a throttle is tried again, and tags are read before they are removed"
    (letter,) = stack.dead_letters()
    assert letter.attributes["code"] == "Locked"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_restore_a_dry_run_and_a_decommission_event_work_too(stack: Stack, sky: Sky) -> None:
    asked = {"provider": "skycloud", "region": "sky-1", "resources": [{"type": "server", "ids": ["s-manual01"]}]}
    restore = {**asked, "id": "back", "action": "restore", "tags": [{"key": "env", "value": "staging"}]}
    assert stack.invoke("RemoveTagsFunction", restore).value["reports"][0]["counts"] == {"restored": 1}
    dry = {**asked, "id": "dry", "dry_run": True, "tags": [{"key": "env"}]}
    assert stack.invoke("RemoveTagsFunction", dry).value["reports"][0]["counts"] == {"would_remove": 1}
    assert sky.tags["s-manual01"] == {"env": "staging", "owner": "x"}
    stack.send({"source": "cmdb", "detail-type": "Resource Decommissioned", "detail": asked})
    stack.drain()
    assert sky.tags["s-manual01"] == {}
    wrong = {**asked, "region": None, "tags": [{"key": "env"}]}
    failed = stack.invoke("RemoveTagsFunction", wrong)
    assert failed.error
    assert json.loads(failed.value["errorMessage"])["errors"][0]["path"] == "region"
