"""How large the packages are, zipped: both layers and the function, and what the SDK path would ship."""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from bench.processes import OWN_APP, ROOT
from tools.check_build import measure

_NOT_SHIPPED = ("pip", "setuptools", "awslambdaric", "snapshot_restore_py", "simplejson", "runtime_client")
_PLACES = {
    "DependenciesLayer": ROOT / "layers/dependencies",
    "UntagLayer": ROOT / "layers/untag",
    "RemoveTagsFunction": OWN_APP,
}


def sizes() -> dict[str, Any]:
    """Bytes, ours by part. What `make build` has left is measured, and built where there is nothing."""
    site = next((ROOT / ".venv-bench" / "lib").glob("python3*/site-packages"))
    built = ROOT / ".aws-sam" / "build"
    with tempfile.TemporaryDirectory() as folder:
        if not (built / "DependenciesLayer" / "python").is_dir():
            built = _built(Path(folder))
        own = {name: measure(built / name).bytes_zipped for name in _PLACES}
    return {"package own": own, "package sdk": _zipped(site)}


def _built(folder: Path) -> Path:
    for name, place in _PLACES.items():
        (folder / name).mkdir()
        command = ["make", "-s", "-C", str(place), f"build-{name}", f"ARTIFACTS_DIR={folder / name}"]
        path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
        found = subprocess.run([ROOT / "tools" / "find-python", "3.13"], capture_output=True, text=True, check=True)
        compiled = {"BYTECODE_PYTHON": found.stdout.strip()}
        subprocess.run(command, check=True, env={**_pip_settings(), **compiled, "PATH": path})
    return folder


def _pip_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "HOME", "SSL_", "HTTP"))}


def _zipped(site: Path) -> int:
    """Site-packages as a layer would hold them: no installer, no runtime client, no bytecode."""
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(site.rglob("*")):
                where = path.relative_to(site)
                shipped = not where.parts[0].startswith(_NOT_SHIPPED) and "__pycache__" not in where.parts
                if path.is_file() and shipped:
                    archive.write(path, where)
        return file.tell()
