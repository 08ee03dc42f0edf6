"""Checks that what `sam build` left is what the deployed functions need, and nothing that they must not have.

    python tools/check_build.py .aws-sam/build

Prints the figures; exit status 1 and one line per finding if something is wrong. Needs no package.
"""

from __future__ import annotations

import io
import re
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# A bound of our own, far below Lambda's 50 MB: the package stays quick to load, and what creeps in is seen.
ZIP_LIMIT_BYTES = 5_000_000

# Cloud vendors' SDKs, by the names they have as modules and as distributions. None belongs at run time.
VENDOR_SDK = re.compile(
    r"^(boto3|botocore|s3transfer|aiobotocore|awscrt|jdcloud_sdk|(?:huaweicloud|volcengine)sdk\w*|azure[_-]\w*|google\w*|msal\w*)([-.].*)?$"
)

# What an extension module for python3.13 on arm64 is called: made for that version, or for its stable ABI.
EXTENSION_NAME = re.compile(r"\.(cpython-313-aarch64-linux-gnu|abi3)\.so$")

# ELF: the magic number, and the field that names the machine (16 bits, little-endian on arm64). From elf.h.
ELF_MAGIC = b"\x7fELF"
ELF_MACHINE_OFFSET = 18
ELF_AARCH64 = 183

# The head of a bytecode file (PEP 552): python3.13's magic number, and the flags for "unchecked".
BYTECODE_HEAD = (3571).to_bytes(2, "little") + b"\r\n" + (1).to_bytes(4, "little")

# A wheel that runs anywhere, or one for the deployed interpreter and machine.
PURE_WHEEL = re.compile(r"^py[0-9.py]*-none-any$")
PLATFORM_WHEEL = re.compile(r"^cp3\d+-(cp313|abi3)-manylinux\w*_aarch64$")

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Artifact:
    """One folder of the build, which becomes one zip file."""

    name: str
    files: int
    bytes_unzipped: int
    bytes_zipped: int


def files_of(folder: Path) -> list[Path]:
    """The files below a folder, in a fixed order."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def measure(folder: Path) -> Artifact:
    """Zips a folder in memory, as `sam package` would, and takes its sizes."""
    target = io.BytesIO()
    files = files_of(folder)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.relative_to(folder))
    unzipped = sum(path.stat().st_size for path in files)
    return Artifact(folder.name, len(files), unzipped, len(target.getbuffer()))


def findings_anywhere(folder: Path) -> Iterator[str]:
    """What must not lie in any artifact."""
    for path in sorted(folder.rglob("*")):
        where = path.relative_to(folder.parent)
        if VENDOR_SDK.match(path.name):
            yield f"{where}: a cloud vendor's SDK"
        elif path.suffix == ".pyc" and path.read_bytes()[: len(BYTECODE_HEAD)] != BYTECODE_HEAD:
            yield f"{where}: not unchecked bytecode of python3.13"
        elif path.name.endswith(".so") and not EXTENSION_NAME.search(path.name):
            yield f"{where}: not an extension module for python3.13 on arm64"
        elif path.name.endswith(".so") and not is_for_arm64(path):
            yield f"{where}: not an arm64 binary"


def is_application(folder: Path) -> bool:
    """Whether a folder is a nested application, which becomes no zip file: its template is all that it holds."""
    return [path.name for path in folder.iterdir()] == ["template.yaml"]


def is_for_arm64(path: Path) -> bool:
    """Whether a shared object's header says so."""
    head = path.read_bytes()[: ELF_MACHINE_OFFSET + 2]
    return head.startswith(ELF_MAGIC) and int.from_bytes(head[ELF_MACHINE_OFFSET:], "little") == ELF_AARCH64


def findings_in_dependencies(folder: Path) -> Iterator[str]:
    """What must be true of the layer that holds other people's packages."""
    wheels = sorted(folder.glob("python/*.dist-info/WHEEL"))
    tags = {
        (wheel.parent.name, line.partition(":")[2].strip())
        for wheel in wheels
        for line in wheel.read_text(encoding="utf-8").splitlines()
        if line.startswith("Tag:")
    }
    for name, tag in sorted(tags):
        if not PURE_WHEEL.match(tag) and not PLATFORM_WHEEL.match(tag):
            yield f"{name}: its wheel is {tag}, not for python3.13 on arm64"
    if not any(PLATFORM_WHEEL.match(tag) for _, tag in tags):
        yield f"{folder.name}: no wheel for python3.13 on arm64 (pydantic-core has one)"
    for package in ("httpx", "pydantic", "pydantic_core", "aws_lambda_powertools"):
        if not (folder / "python" / package / "__init__.py").is_file():
            yield f"{folder.name}: no package {package}"


def findings(build: Path, artifacts: list[Artifact]) -> Iterator[str]:
    """Everything that is wrong with a build, one line each."""
    for artifact in artifacts:
        yield from findings_anywhere(build / artifact.name)
    yield from findings_in_dependencies(build / "DependenciesLayer")
    if not (build / "UntagLayer" / "python" / "untag" / "__init__.py").is_file():
        yield "UntagLayer: no package untag"
    functions = [artifact.name for artifact in artifacts if artifact.name.endswith("Function")]
    if not (build / "Observability" / "template.yaml").is_file():
        yield "Observability: no template"
    if not functions:
        yield "no function was built"
    for name in functions:
        if not (build / name / "app.py").is_file():
            yield f"{name}: no app.py"
    total = sum(artifact.bytes_zipped for artifact in artifacts)
    if total > ZIP_LIMIT_BYTES:
        yield f"{total:,} bytes zipped; the bound is {ZIP_LIMIT_BYTES:,}"


def bytecode(build: Path) -> str:
    """What a cold start finds compiled."""
    count = sum(1 for _ in build.rglob("*.pyc"))
    if count:
        return f"bytecode of python3.13 for the {count} modules that a cold start imports"
    return "no bytecode: no python3.13 was found here, and a cold start will take about twice as long"


def table(artifacts: list[Artifact]) -> str:
    """The figures, for a person."""
    total = Artifact(
        "together",
        sum(artifact.files for artifact in artifacts),
        sum(artifact.bytes_unzipped for artifact in artifacts),
        sum(artifact.bytes_zipped for artifact in artifacts),
    )
    width = max(len(artifact.name) for artifact in [*artifacts, total])
    rows = [f"{'':{width}}  files  unzipped    zipped"]
    for row in [*artifacts, total]:
        unzipped, zipped = row.bytes_unzipped / MEGABYTE, row.bytes_zipped / MEGABYTE
        rows.append(f"{row.name:{width}}  {row.files:5}  {unzipped:5.2f} MB  {zipped:5.2f} MB")
    return "\n".join(rows)


def main(arguments: list[str]) -> int:
    """Checks the build folder that is named, prints the figures and the findings."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: check_build.py BUILD_FOLDER (the folder that `sam build` wrote)", file=sys.stderr)
        return 2
    build = Path(arguments[0])
    artifacts = [
        measure(folder) for folder in sorted(build.iterdir()) if folder.is_dir() and not is_application(folder)
    ]
    wrong = list(findings(build, artifacts))
    if artifacts:
        print(table(artifacts))
    for line in wrong:
        print(f"wrong: {line}", file=sys.stderr)
    if not wrong:
        print(
            "no vendor SDK inside; every binary is for python3.13 on arm64; "
            f"within {ZIP_LIMIT_BYTES / MEGABYTE:.0f} MB zipped"
        )
        print(bytecode(build))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
