"""What the check of the bill of materials finds, tried on bills that are wrong in one way each."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tools import check_sbom

A, B, C = "a" * 64, "b" * 64, "c" * 64
REQUIREMENTS = f"""\
httpx==0.28.1 \\
    --hash=sha256:{A} \\
    --hash=sha256:{B}
pydantic-core==2.46.5 ; python_version >= "3.9" \\
    --hash=sha256:{C}
    # via pydantic
"""


def component(name: str, version: str, *hashes: str) -> dict[str, Any]:
    reference = {"type": "distribution", "hashes": [{"alg": "SHA-256", "content": one} for one in hashes]}
    return {"name": name, "version": version, "externalReferences": [reference]}


BILL = {
    "bomFormat": "CycloneDX",
    "components": [component("httpx", "0.28.1", A, B), component("pydantic-core", "2.46.5", C)],
}


@pytest.fixture
def build(tmp_path: Path) -> Path:
    for name in ("httpx-0.28.1", "pydantic_core-2.46.5"):
        (tmp_path / "build" / "DependenciesLayer" / "python" / f"{name}.dist-info").mkdir(parents=True)
    return tmp_path / "build"


def checked(tmp_path: Path, build: Path, bill: Any) -> int:
    (tmp_path / "bill.json").write_text(json.dumps(bill), encoding="utf-8")
    (tmp_path / "requirements.txt").write_text(REQUIREMENTS, encoding="utf-8")
    return check_sbom.main([str(tmp_path / "bill.json"), str(tmp_path / "requirements.txt"), str(build)])


def test_a_bill_that_is_right_passes(tmp_path: Path, build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(tmp_path, build, BILL) == 0
    printed = capsys.readouterr()
    assert "2 packages with their hashes" in printed.out
    assert printed.err == ""


def without_its_last(bill: Any) -> None:
    bill["components"].pop()


def with_another(bill: Any) -> None:
    bill["components"].append(component("boto3", "1.44.5"))


def of_another_version(bill: Any) -> None:
    bill["components"][0]["version"] = "0.28.0"


def with_a_hash_left_out(bill: Any) -> None:
    bill["components"][0]["externalReferences"][0]["hashes"].pop()


def in_another_format(bill: Any) -> None:
    bill["bomFormat"] = "SPDX"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (without_its_last, "pydantic-core 2.46.5 is pinned and not in the bill"),
        (with_another, "boto3 1.44.5 is in the bill of materials and not pinned"),
        (of_another_version, "httpx 0.28.1 is pinned and not in the bill"),
        (with_a_hash_left_out, "httpx 0.28.1 has other hashes"),
        (in_another_format, "not CycloneDX"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, build: Path, capsys: pytest.CaptureFixture[str], spoil: Any, said: str
) -> None:
    bill = copy.deepcopy(BILL)
    spoil(bill)
    assert checked(tmp_path, build, bill) == 1
    assert said in capsys.readouterr().err


def test_a_package_that_is_built_and_not_listed_is_named(
    tmp_path: Path, build: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (build / "DependenciesLayer" / "python" / "Odd.Name-1.0.dist-info").mkdir()
    assert checked(tmp_path, build, BILL) == 1
    assert "odd-name 1.0 is in the layer and not in the bill" in capsys.readouterr().err


def test_an_empty_layer_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "build").mkdir()
    assert checked(tmp_path, tmp_path / "build", BILL) == 1
    assert "no package lies in the layer" in capsys.readouterr().err


def test_without_what_it_compares_it_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_sbom.main([]) == 2
    assert capsys.readouterr().err.startswith("usage: check_sbom.py")


def test_it_reads_every_pin_of_the_layer() -> None:
    text = (Path(__file__).parents[2] / "layers" / "dependencies" / "requirements.txt").read_text(encoding="utf-8")
    pins = check_sbom.pinned(text)
    assert {"httpx", "pydantic", "pydantic-core", "aws-lambda-powertools"} <= {name for name, _ in pins}
    assert len(pins) == text.count("==")
    assert all(pins.values())
