"""Builds the zip of Huawei Cloud FunctionGraph, and checks it: Python 3.12 on x86_64, with pinned dependencies.

    python tools/functiongraph_zip.py deploy/functiongraph/build/untag.zip

The same sources give the same bytes, whenever and wherever it is built with the same interpreter for bytecode. pip
fetches wheels for the deployed platform, whatever runs here, and only with the hashes that were pinned. Where a
Python 3.12 is found, the zip is imported with it, behind libraries as old as the runtime's own.

Prints the figures; exit status 1 and one line per finding if something is wrong.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "layers" / "untag" / "python" / "untag"
CODE = ROOT / "deploy" / "functiongraph" / "code"
DEPENDENCIES = ROOT / "layers" / "dependencies"

# A bound of our own: FunctionGraph takes 50 MB in a call of its API, and 40 MB in its console.
ZIP_LIMIT_BYTES = 8_000_000

VERSION = "3.12"
VENDOR = "vendor"

# Parts of the package for other platforms, and what only these need.
OTHER_HOSTS = ("aws", "here")
UNUSED = ("aws_lambda_powertools", "aws_lambda_powertools-*", "jmespath", "jmespath-*")
# Console scripts name the interpreter of this machine; pydantic's copy of its first version is spoken by nobody here.
LEFT_OUT = (*UNUSED, "bin", "pydantic/v1")

EXTENSION_NAME = re.compile(r"\.(cpython-312-x86_64-linux-gnu|abi3)\.so$")
ELF_MAGIC = b"\x7fELF"
ELF_MACHINE_OFFSET = 18
ELF_X86_64 = 62

VENDOR_SDK = re.compile(r"^(boto3|botocore|jdcloud_sdk|obs|(?:huaweicloud|volcengine)sdk\w*|esdk\w*)([-.].*)?$")

# The first moment that a zip can name, so that the time of the build is no part of it.
_MOMENT = (1980, 1, 1, 0, 0, 0)
_FILE_MODE = 0o100644 << 16
_UNIX = 3

# The runtime brings an older one of these, and may have imported it already.
_OLD_LIBRARY = '__version__ = "4.12.2"\ndef override(function):\n    return function\n'

_TRIAL = """
import sys
sys.path[:0] = [{old!r}, {code!r}]
import typing_extensions
import index
import pydantic, typing_extensions
assert typing_extensions.__file__.startswith({code!r}), typing_extensions.__file__
from untag.decommission.service import Decommissioner
from untag.sweep.service import Sweeper
for name in ("remove", "due", "sweep", "decommission", "initializer"):
    assert callable(getattr(index, name)), name
print(sys.version.split()[0])
"""


def find_python() -> str | None:
    """An interpreter of the deployed version, if this machine has one."""
    found = subprocess.run(
        [str(ROOT / "tools" / "find-python"), VERSION, ""], capture_output=True, text=True, check=True
    )
    return found.stdout.strip() or None


def fill(folder: Path, python: str | None) -> None:
    """Put everything that the zip holds into a folder."""
    vendor = folder / VENDOR
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-compile"),
            *("--no-deps", "--require-hashes", "--only-binary=:all:"),
            *("--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_17_x86_64"),
            *("--implementation", "cp", "--python-version", VERSION),
            *("--target", str(vendor), "-r", str(DEPENDENCIES / "requirements.txt")),
        ],
        check=True,
    )
    for pattern in LEFT_OUT:
        for path in vendor.glob(pattern):
            shutil.rmtree(path)
    for path in vendor.rglob("*.pyi"):
        path.unlink()
    for path in vendor.glob("*.dist-info/direct_url.json"):
        path.unlink()
    skipped = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, vendor / "untag", ignore=skipped)
    for host in OTHER_HOSTS:
        shutil.rmtree(vendor / "untag" / "hosts" / host)
    for path in sorted(CODE.glob("*.py")):
        shutil.copy(path, folder / path.name)
    if python is not None:
        compile_all(vendor, python)


def compile_all(vendor: Path, python: str) -> None:
    """Bytecode for what a cold start imports, unchecked: the code's folder cannot be written to."""
    listed = (DEPENDENCIES / "bytecode.txt").read_text(encoding="utf-8").splitlines()
    modules = [name for name in listed if (vendor / name).is_file()]
    target = "/opt/function/code/" + VENDOR
    base = [python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-p", target]
    # A fixed seed: sets of constants would be written in another order each time.
    environ = {**os.environ, "PYTHONHASHSEED": "0"}
    subprocess.run([*base, "untag"], cwd=vendor, check=True, env=environ)
    subprocess.run([*base, *modules], cwd=vendor, check=True, env=environ)


def write(folder: Path, target: Path) -> int:
    """Zip a folder, the same files to the same bytes; how many files those are."""
    target.parent.mkdir(parents=True, exist_ok=True)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _MOMENT)
            entry.external_attr, entry.create_system, entry.compress_type = _FILE_MODE, _UNIX, zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes(), compresslevel=9)
    return len(files)


def findings(folder: Path, target: Path) -> Iterator[str]:
    """Everything that is wrong with the zip's content, one line each."""
    if (size := target.stat().st_size) > ZIP_LIMIT_BYTES:
        yield f"{size:,} bytes; the bound is {ZIP_LIMIT_BYTES:,}"
    for path in sorted(folder.rglob("*")):
        where = path.relative_to(folder)
        if path.parent == folder / VENDOR and VENDOR_SDK.match(path.name):
            yield f"{where}: a cloud vendor's SDK"
        elif path.name.endswith("~"):
            yield f"{where}: FunctionGraph takes no file of such a name"
        elif path.name.endswith(".so"):
            head = path.read_bytes()[: ELF_MACHINE_OFFSET + 2]
            machine = int.from_bytes(head[ELF_MACHINE_OFFSET:], "little")
            if not EXTENSION_NAME.search(path.name) or not head.startswith(ELF_MAGIC) or machine != ELF_X86_64:
                yield f"{where}: not an extension module for Python {VERSION} on x86_64"
    for name in ("index.py", "vendor/untag/__init__.py", "vendor/httpx/__init__.py", "vendor/pydantic/__init__.py"):
        if not (folder / name).is_file():
            yield f"no {name}"
    if not list((folder / VENDOR / "pydantic_core").glob("*.so")):
        yield "no extension module of pydantic-core"


def tried(folder: Path, python: str) -> str | None:
    """What goes wrong when the deployed version imports the handlers, with old libraries in front of the path."""
    with tempfile.TemporaryDirectory() as old:
        (Path(old) / "typing_extensions.py").write_text(_OLD_LIBRARY, encoding="utf-8")
        trial = _TRIAL.format(old=old, code=str(folder))
        done = subprocess.run([python, "-I", "-B", "-c", trial], capture_output=True, text=True, check=False, env={})
    return None if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def main(arguments: list[str]) -> int:
    """Builds the zip that is named."""
    if len(arguments) != 1:
        print("usage: functiongraph_zip.py TARGET.zip", file=sys.stderr)
        return 2
    target = Path(arguments[0])
    python = find_python()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        fill(folder, python)
        files = write(folder, target)
        wrong = list(findings(folder, target))
        if python is not None and (problem := tried(folder, python)) is not None:
            wrong.append(f"Python {VERSION} does not import it: {problem}")
    for line in wrong:
        print(f"wrong: {line}", file=sys.stderr)
    print(f"{target}: {files} files, {target.stat().st_size / 1e6:.2f} MB")
    if python is None:
        print(f"no Python {VERSION} was found here: not imported, and without bytecode a cold start takes longer")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
