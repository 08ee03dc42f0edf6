"""What the check of a build finds, tried on small builds that are wrong in one way each."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

import pytest

from tools import check_build

if TYPE_CHECKING:
    from pathlib import Path

AARCH64, X86_64 = 183, 62


def shared_object(machine: int) -> bytes:
    """The first bytes of a 64-bit little-endian shared object, as the ELF specification has them."""
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 3, machine) + bytes(44)


def write(path: Path, content: bytes | str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A build with nothing wrong in it."""
    layer = tmp_path / "build" / "DependenciesLayer" / "python"
    for package in ("httpx", "pydantic", "pydantic_core", "aws_lambda_powertools"):
        write(layer / package / "__init__.py")
    write(layer / "httpx-1.dist-info" / "WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
    write(layer / "pydantic_core-1.dist-info" / "WHEEL", "Tag: cp313-cp313-manylinux_2_17_aarch64\n")
    write(layer / "pydantic_core" / "core.cpython-313-aarch64-linux-gnu.so", shared_object(AARCH64))
    write(tmp_path / "build" / "UntagLayer" / "python" / "untag" / "__init__.py")
    write(tmp_path / "build" / "RemoveTagsFunction" / "app.py")
    write(tmp_path / "build" / "Observability" / "template.yaml")
    write(tmp_path / "build" / "template.yaml")
    return tmp_path / "build"


def test_a_build_that_is_right_passes_and_its_figures_are_printed(
    build: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check_build.main([str(build)]) == 0
    printed = capsys.readouterr()
    assert [line.split()[0] for line in printed.out.splitlines()[1:5]] == [
        *("DependenciesLayer", "RemoveTagsFunction", "UntagLayer", "together")
    ]
    assert printed.err == ""


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("DependenciesLayer/python/boto3/__init__.py", "", "python/boto3: a cloud vendor's SDK"),
        ("UntagLayer/python/botocore/__init__.py", "", "python/botocore: a cloud vendor's SDK"),
        ("RemoveTagsFunction/s3transfer/__init__.py", "", "s3transfer: a cloud vendor's SDK"),
        ("DependenciesLayer/python/jdcloud_sdk/__init__.py", "", "jdcloud_sdk: a cloud vendor's SDK"),
        ("DependenciesLayer/python/huaweicloudsdkcore/a.py", "", "huaweicloudsdkcore: a cloud vendor's SDK"),
        (
            "DependenciesLayer/python/boto3-1.44.5.dist-info/METADATA",
            "",
            "boto3-1.44.5.dist-info: a cloud vendor's",
        ),
        (
            "UntagLayer/python/untag/__pycache__/a.cpython-311.pyc",
            "",
            "a.cpython-311.pyc: not unchecked bytecode of python3.13",
        ),
        (
            "DependenciesLayer/python/pydantic_core/core.cpython-311-aarch64-linux-gnu.so",
            shared_object(AARCH64),
            "cpython-311-aarch64-linux-gnu.so: not an extension module for python3.13 on arm64",
        ),
        (
            "DependenciesLayer/python/x.cpython-313-x86_64-linux-gnu.so",
            shared_object(X86_64),
            "x.cpython-313-x86_64-linux-gnu.so: not an extension module for python3.13 on arm64",
        ),
        ("DependenciesLayer/python/x.abi3.so", shared_object(X86_64), "x.abi3.so: not an arm64 binary"),
        ("DependenciesLayer/python/x.abi3.so", b"", "x.abi3.so: not an arm64 binary"),
        (
            "DependenciesLayer/python/x-1.dist-info/WHEEL",
            "Tag: cp313-cp313-manylinux_2_17_x86_64\n",
            "x-1.dist-info: its wheel is cp313-cp313-manylinux_2_17_x86_64, not for python3.13 on arm64",
        ),
        (
            "DependenciesLayer/python/x-1.dist-info/WHEEL",
            "Tag: cp311-cp311-manylinux_2_17_aarch64\n",
            "x-1.dist-info: its wheel is cp311-cp311-manylinux_2_17_aarch64, not for python3.13 on arm64",
        ),
        ("OtherFunction/main.py", "", "OtherFunction: no app.py"),
    ],
)
def test_what_must_not_be_deployed_is_named(
    build: Path, capsys: pytest.CaptureFixture[str], path: str, content: bytes | str, said: str
) -> None:
    write(build / path, content)
    assert check_build.main([str(build)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("wrong: ")
    assert said in line


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("DependenciesLayer/python/httpx/__init__.py", "wrong: DependenciesLayer: no package httpx\n"),
        ("UntagLayer/python/untag/__init__.py", "wrong: UntagLayer: no package untag\n"),
        ("RemoveTagsFunction/app.py", "wrong: RemoveTagsFunction: no app.py\n"),
        ("Observability/template.yaml", "wrong: Observability: no template\n"),
        (
            "DependenciesLayer/python/pydantic_core-1.dist-info/WHEEL",
            "wrong: DependenciesLayer: no wheel for python3.13 on arm64 (pydantic-core has one)\n",
        ),
    ],
)
def test_what_is_missing_is_named(build: Path, capsys: pytest.CaptureFixture[str], missing: str, said: str) -> None:
    (build / missing).unlink()
    assert check_build.main([str(build)]) == 1
    assert capsys.readouterr().err == said


def test_a_build_without_a_function_is_wrong(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (build / "RemoveTagsFunction" / "app.py").unlink()
    (build / "RemoveTagsFunction").rmdir()
    assert check_build.main([str(build)]) == 1
    assert capsys.readouterr().err == "wrong: no function was built\n"


def test_a_build_that_has_grown_too_large_is_wrong(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (build / "RemoveTagsFunction" / "noise").write_bytes(os.urandom(check_build.ZIP_LIMIT_BYTES))
    assert check_build.main([str(build)]) == 1
    assert "bytes zipped; the bound is 5,000,000" in capsys.readouterr().err


def test_the_bound_is_five_megabytes() -> None:
    assert check_build.ZIP_LIMIT_BYTES == 5_000_000


def test_without_a_build_it_says_how_it_is_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_build.main([]) == 2
    assert check_build.main([str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.startswith("usage: check_build.py BUILD_FOLDER")
