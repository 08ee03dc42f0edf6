"""The command as it is installed: a checkout's own, and a wheel's."""

import os
import re
import subprocess
import sys
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

from local import ROOT
from untag import __version__

REQUEST = (
    '{"provider": "jdcloud", "region": "cn-north-1", "resources": [{"type": "vm", "ids": ["i-1"]}],'
    ' "tags": [{"key": "env"}]}'
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    return file


def test_the_command_of_a_checkout_starts_in_any_folder(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("untag")
    done = subprocess.run([command, "--version"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"untag {__version__}\n", "")


def test_the_wheel_has_the_packages_version(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        assert message_from_string(archive.read(name).decode())["Version"] == __version__


def test_what_runs_a_function_here_comes_with_the_local_stack(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        needed = message_from_string(archive.read(name).decode()).get_all("Requires-Dist") or []
    extra = {re.split(r"[^A-Za-z0-9-]", one)[0] for one in needed if "extra == 'local'" in one.replace('"', "'")}
    (runtime,) = (line for line in (ROOT / "requirements" / "runtime.in").read_text().splitlines() if "==" in line)
    assert runtime.partition("==")[0] in extra, needed


def test_what_a_wheel_holds_checks_a_request_and_finds_its_template(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    (tmp_path / "request.json").write_text(REQUEST)
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    command = [sys.executable, "-P", "-m", "cli", "check", "request.json"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 pair" in done.stdout
    where = [sys.executable, "-P", "-c", "from local import ROOT; print((ROOT / 'template.yaml').is_file(), ROOT)"]
    done = subprocess.run(where, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.stdout == f"True {tmp_path}/site/local/project\n"
