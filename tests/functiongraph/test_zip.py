"""The zip of FunctionGraph, as its tool packs and checks it. What is built for true is checked by `make`."""

import random
import zipfile
from pathlib import Path

import pytest

from tools import functiongraph_zip as tool

X86_64 = b"\x7fELF" + bytes(14) + (62).to_bytes(2, "little")
ARM64 = b"\x7fELF" + bytes(14) + (183).to_bytes(2, "little")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a zip has at least."""
    made = tmp_path / "code"
    for name in ("index.py", "vendor/untag/__init__.py", "vendor/httpx/__init__.py", "vendor/pydantic/__init__.py"):
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    core = made / "vendor" / "pydantic_core" / "_pydantic_core.cpython-312-x86_64-linux-gnu.so"
    core.parent.mkdir()
    core.write_bytes(X86_64)
    return made


def test_the_same_files_are_the_same_bytes_whenever_they_were_written(folder: Path, tmp_path: Path) -> None:
    tool.write(folder, tmp_path / "one.zip")
    for path in folder.rglob("*.py"):
        path.write_text("")
        path.chmod(0o600)
    tool.write(folder, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    names = zipfile.ZipFile(tmp_path / "one.zip").namelist()
    assert names == sorted(names)
    assert "index.py" in names


def test_nothing_is_wrong_with_what_is_right(folder: Path, tmp_path: Path) -> None:
    tool.write(folder, tmp_path / "code.zip")
    assert list(tool.findings(folder, tmp_path / "code.zip")) == []


@pytest.mark.parametrize(
    ("name", "content", "finding"),
    [
        ("vendor/huaweicloudsdkcore/__init__.py", b"", "a cloud vendor's SDK"),
        ("vendor/obs/__init__.py", b"", "a cloud vendor's SDK"),
        ("vendor/x.cpython-313-x86_64-linux-gnu.so", X86_64, "not an extension module for Python 3.12"),
        ("vendor/x.abi3.so", ARM64, "not an extension module for Python 3.12"),
        ("vendor/notes~", b"", "takes no file of such a name"),
    ],
)
def test_what_must_not_be_in_it_is_found(folder: Path, tmp_path: Path, name: str, content: bytes, finding: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    tool.write(folder, tmp_path / "code.zip")
    (line,) = tool.findings(folder, tmp_path / "code.zip")
    assert finding in line


def test_what_is_missing_or_too_large_is_found(folder: Path, tmp_path: Path) -> None:
    (folder / "index.py").unlink()
    (folder / "vendor" / "noise.bin").write_bytes(random.Random(0).randbytes(tool.ZIP_LIMIT_BYTES))  # noqa: S311
    tool.write(folder, tmp_path / "code.zip")
    found = list(tool.findings(folder, tmp_path / "code.zip"))
    assert [line for line in found if "the bound is 8,000,000" in line]
    assert "no index.py" in found
