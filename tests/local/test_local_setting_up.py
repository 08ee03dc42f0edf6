"""What `make` sets up on a new machine, in a copy of what it needs for that, and what Ctrl-C leaves of it."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import zipfile

import pytest
from terminals import Terminal

from local.stack import ROOT

WHEEL = "untag_sample-1.0-py3-none-any.whl"
BACKEND = """
import zipfile
def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "untag_command-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as archive:
        info = "untag_command-1.0.dist-info"
        archive.writestr("untag_command.py", "def main(): print('the command')")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: untag-command\\nVersion: 1.0\\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        archive.writestr(f"{info}/entry_points.txt", "[console_scripts]\\nuntag = untag_command:main\\n")
        archive.writestr(f"{info}/RECORD", "")
    return name
"""
METADATA = "Metadata-Version: 2.1\nName: untag-sample\nVersion: 1.0\n"


@pytest.fixture
def project(tmp_path):
    """A copy of what sets an environment up; its pins are one small wheel, and its command is as small."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "tools").mkdir()
    for name in ("find-python", "set-up", "set_up.py"):
        shutil.copy(ROOT / "tools" / name, tmp_path / "tools")
    (tmp_path / "backend.py").write_text(BACKEND)
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (tmp_path / "requirements").mkdir()
    wheel = tmp_path / WHEEL
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("untag_sample.py", "")
        archive.writestr("untag_sample-1.0.dist-info/METADATA", METADATA)
        archive.writestr("untag_sample-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("untag_sample-1.0.dist-info/RECORD", "")
    pin(tmp_path, hashlib.sha256(wheel.read_bytes()).hexdigest())
    return tmp_path


def pin(project, digest):
    text = f"untag-sample==1.0 --hash=sha256:{digest}\n"
    for name in ("dev", "runtime"):
        (project / "requirements" / f"{name}.txt").write_text(text)


def environment(project):
    """Pip sees the wheel and nothing else; the test's own make and terminal have no say."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "MAKE", "MFLAGS", "CI"))}
    return kept | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(project), "PIP_CONFIG_FILE": os.devnull}


def make(project, *words):
    return subprocess.run(
        ["make", f"PYTHON={sys.executable}", *words],
        cwd=project,
        env=environment(project),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def interpreter(folder, version):
    """An interpreter of another version, as far as anybody asks it: it does nothing else."""
    path = folder / f"python{version}"
    path.write_text(
        f'#!/bin/sh\nif [ "$1" = --version ]; then echo "Python {version}"; exit; fi\n'
        f'[ "$1" = -c ] && exit 1\ntouch {folder}/used\n'
    )
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("version", ["3.9.18", "3.10.13"])
@pytest.mark.parametrize("target", ["demo", "test", "local"])
def test_an_interpreter_that_is_too_old_is_named_and_leaves_no_environment(project, version, target):
    old = interpreter(project, version)
    done = make(project, f"PYTHON={old}", target)
    assert done.returncode != 0
    assert f"untag needs Python 3.11 or newer, and {old} is Python {version}" in done.stderr
    assert "make PYTHON=" in done.stderr
    assert not list(project.glob(".venv*"))
    assert not (project / "used").exists()


def test_what_is_no_interpreter_is_named(project):
    done = make(project, "PYTHON=no-such-python", ".venv/.stamp")
    assert done.returncode != 0
    assert "no-such-python is not an interpreter that runs" in done.stderr
    assert not (project / ".venv").exists()


def test_the_version_that_is_asked_for_is_the_one_that_the_project_names():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11"
    assert "(3, 11)" in (ROOT / "tools" / "set-up").read_text(encoding="utf-8")


def test_an_environment_is_set_up_once_and_one_that_fails_leaves_nothing_that_a_later_make_believes(project):
    done = make(project, ".venv/.stamp")
    assert (done.returncode, done.stdout, done.stderr) == (0, "setting up .venv (requirements/dev.txt)\n", "")
    assert subprocess.run([project / ".venv/bin/python", "-c", "import untag_sample"], check=False).returncode == 0
    command = subprocess.run([project / ".venv/bin/untag"], capture_output=True, text=True, check=False)
    assert command.stdout == "the command\n"
    assert make(project, "--question", ".venv/.stamp").returncode == 0
    assert make(project, ".venv-runtime/.stamp").returncode == 0
    assert not (project / ".venv-runtime/bin/untag").exists()
    pin(project, "0" * 64)
    later = time.time() + 2
    os.utime(project / "requirements" / "dev.txt", (later, later))
    done = make(project, ".venv/.stamp")
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr
    assert ".venv could not be set up, and was removed again" in done.stderr
    assert not (project / ".venv").exists()
    assert make(project, "--question", ".venv/.stamp").returncode == 1  # it would make it anew


def test_a_terminal_shows_that_something_moves_and_ctrl_c_leaves_nothing_half_made(project):
    command = ["make", f"PYTHON={sys.executable}", ".venv/.stamp"]
    with Terminal(command, cwd=project, env=environment(project)) as terminal:
        terminal.see("making the environment")
        assert terminal.end(seconds=120) == 0
        assert re.search(r"1 of 1 packages: untag-sample|installing 1 package", terminal.plain)
    shutil.rmtree(project / ".venv")
    with Terminal(command, cwd=project, env=environment(project)) as terminal:
        terminal.see("making the environment")
        terminal.press("\x03")
        assert terminal.end() != 0
        assert ".venv was removed again" in terminal.plain
        assert "Traceback" not in terminal.plain
    assert not (project / ".venv").exists()


@pytest.mark.parametrize("moment", ["untag: template.yaml", "aws_manual"])
def test_ctrl_c_in_the_demo_ends_it_without_a_traceback(moment):
    with Terminal([sys.executable, "-m", "local.demo"], cwd=ROOT) as terminal:
        terminal.see(moment)
        terminal.press("\x03")
        assert terminal.end() == 128 + signal.SIGINT
        assert "stopped" in terminal.plain
        assert "Traceback" not in terminal.plain


@pytest.mark.parametrize("module", ["cli", "local.demo"])
def test_ctrl_c_while_a_program_is_loaded_prints_nothing(module):
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", module], cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        # The first of the imports that take their time.
        for line in process.stderr:
            if "rich" in line:
                break
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode != 0
    assert "Traceback" not in errors
