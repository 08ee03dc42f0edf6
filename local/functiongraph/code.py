"""The code that an instance runs: a zip's content, or the source tree laid out as the zip is.

The zip has `index.py` at its root and all that it imports in `vendor/`.
"""

import shutil
import zipfile
from pathlib import Path

from local import ROOT
from local.errors import FAILED, LocalError

ENTRY = ROOT / "deploy" / "functiongraph" / "code"
_PACKAGE = ROOT / "layers" / "untag" / "python" / "untag"
# The interpreter's environment has these for itself, or for Lambda.
_LEFT_OUT = ("pip", "__pycache__", "awslambdaric", "runtime_client", "snapshot_restore_py", "simplejson", "_virtualenv")


def lay_out(folder: Path, python: Path) -> Path:
    """Lay the source tree out in a folder, with the packages of an interpreter's environment as the vendored ones."""
    if not (ENTRY / "index.py").exists():
        raise LocalError(
            f"there is no {ENTRY / 'index.py'}", "this checkout has no functions for FunctionGraph", status=FAILED
        )
    vendor = folder / "vendor"
    vendor.mkdir(parents=True)
    for entry in ENTRY.iterdir():
        if entry.suffix == ".py":
            shutil.copy(entry, folder)
    (vendor / "untag").symlink_to(_PACKAGE)
    for package in _packages(python).iterdir():
        if not package.name.startswith(_LEFT_OUT) and package.name != "untag" and package.suffix != ".pth":
            (vendor / package.name).symlink_to(package)
    return folder


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a zip into a folder."""
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    return folder


def _packages(python: Path) -> Path:
    found = sorted(python.parent.parent.glob("lib/python3*/site-packages"))
    if not found:
        raise LocalError(f"{python} has no packages beside it", "a virtual environment has", status=FAILED)
    return found[-1]
