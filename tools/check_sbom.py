"""Checks that the bill of materials lists what was pinned, and what lies in the layer that was built.

    python tools/check_sbom.py .aws-sam/sbom.cdx.json layers/dependencies/requirements.txt .aws-sam/build

The bill is CycloneDX JSON. Exit status 1 and one line per finding if something is wrong. Needs no package.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# `name==version`, perhaps with extras and a marker behind it, and its hashes on the lines that follow.
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^]]*\])?==(?P<version>[^\s;\\]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")

Packages = dict[tuple[str, str], frozenset[str]]
"""The SHA-256 hashes of each (name, version)."""


def normal(name: str) -> str:
    """A package's name as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(requirements: str) -> Packages:
    """What a requirements file pins."""
    found: dict[tuple[str, str], set[str]] = {}
    current: set[str] = set()
    for line in requirements.splitlines():
        if pin := PIN.match(line):
            current = found.setdefault((normal(pin["name"]), pin["version"]), set())
        current.update(HASH.findall(line))
    return {package: frozenset(hashes) for package, hashes in found.items()}


def listed(bill: Any) -> Packages:
    """What a CycloneDX bill of materials lists."""
    return {
        (normal(component["name"]), component["version"]): frozenset(
            one["content"]
            for reference in component.get("externalReferences", [])
            for one in reference.get("hashes", [])
            if one["alg"] == "SHA-256"
        )
        for component in bill.get("components", [])
    }


def built(build: Path) -> set[tuple[str, str]]:
    """What lies in the layer, by the folders that installers leave beside each package."""
    folders = (build / "DependenciesLayer" / "python").glob("*.dist-info")
    parts = (folder.name.removesuffix(".dist-info").split("-") for folder in folders)
    return {(normal(name), version) for name, version in parts}


def findings(bill: Any, requirements: str, build: Path) -> Iterator[str]:
    """Everything that is wrong, one line each."""
    if bill.get("bomFormat") != "CycloneDX":
        yield "the bill of materials is not CycloneDX"
        return
    wanted, found = pinned(requirements), listed(bill)
    for name, version in sorted(set(wanted) - set(found)):
        yield f"{name} {version} is pinned and not in the bill of materials"
    for name, version in sorted(set(found) - set(wanted)):
        yield f"{name} {version} is in the bill of materials and not pinned"
    for name, version in sorted(set(wanted) & set(found)):
        if wanted[name, version] != found[name, version]:
            yield f"{name} {version} has other hashes in the bill of materials than were pinned"
    for name, version in sorted(built(build) - set(found)):
        yield f"{name} {version} is in the layer and not in the bill of materials"
    if not built(build):
        yield "no package lies in the layer"


def main(arguments: list[str]) -> int:
    """Compares the three that are named, and prints the findings."""
    paths = [Path(argument) for argument in arguments]
    if [path.is_file() for path in paths] != [True, True, False] or not paths[2].is_dir():
        print("usage: check_sbom.py BILL REQUIREMENTS BUILD_FOLDER", file=sys.stderr)
        return 2
    bill, requirements = json.loads(paths[0].read_text(encoding="utf-8")), paths[1].read_text(encoding="utf-8")
    wrong = list(findings(bill, requirements, paths[2]))
    for line in wrong:
        print(f"wrong: {line}", file=sys.stderr)
    if not wrong:
        print(f"{paths[0]}: {len(listed(bill))} packages with their hashes, as pinned and as built")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
