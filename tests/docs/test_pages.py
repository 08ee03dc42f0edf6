"""That what the pages name is there, and that their figures are the code's."""

import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docs_support import ROOT
from pages import missing_headings

import untag
from untag.contracts import Outcome
from untag.providers import NAMES

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
LINKING = [*PAGES, *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"))]
PACKAGE = ROOT / "layers" / "untag" / "python" / "untag"
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
_TO_A_HEADING = re.compile(r"\]\(([^)#\s]*)#([^)\s]+)\)")
_DECISION = re.compile(r"^### (.+)\n\n- What: (.+)\n- Why: (.+)\n- What would change it: (.+)$", re.MULTILINE)
_CONSTANT = re.compile(r"`([A-Z][A-Z0-9_]+)`")
_MODULE = re.compile(r"`([a-z_]+(?:/[a-z_]+)*\.py)`")
_ROOM = re.compile(r"`([a-z_]+(?:/[a-z_]+)*/)`")
_WRITTEN_BY_THE_READER = re.compile(r"^`([a-z_/]+\.py)`(?:, continued)?:$", re.MULTILINE)


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(page: Path) -> None:
    for target in _LINK.findall(text(page)):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), target


def anchor(heading: str) -> str:
    """A heading as the end of a link, as GitHub makes it."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w -]", "", words).replace(" ", "-")


@pytest.mark.parametrize("page", LINKING, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_heading_leads_to_one(page: Path) -> None:
    for target, heading in _TO_A_HEADING.findall(text(page)):
        if "://" not in target:
            there = page.parent / target if target else page
            headings = re.findall(r"^#+ (.+)$", text(there), re.MULTILINE)
            assert heading in {anchor(one) for one in headings}, f"{target}#{heading}"


def test_the_readme_is_read_in_a_few_minutes() -> None:
    assert len(text(ROOT / "README.md").encode()) < 9_000


@pytest.mark.parametrize("name", NAMES)
def test_every_cloud_has_a_page_with_the_same_headings(name: str) -> None:
    assert not missing_headings(ROOT / "docs" / "providers" / f"{name}.md")


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, new = set(), {ROOT / "README.md"}
    while new:
        reached |= new
        linked = {
            (page.parent / target).resolve()
            for page in new
            for target in _LINK.findall(text(page))
            if target.endswith(".md") and "://" not in target
        }
        new = linked - reached
    assert set(PAGES) <= reached


def constants() -> dict[str, set[Any]]:
    """Every figure of the package that has a name."""
    found: dict[str, set[Any]] = {}
    for module in pkgutil.walk_packages(untag.__path__, "untag."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if name.isupper() and isinstance(value, int | float):
                found.setdefault(name, set()).add(value)
    return found


def test_a_word_of_the_glossary_has_one_meaning_and_its_outcomes_are_counted() -> None:
    page = text(ROOT / "docs" / "glossary.md")
    words = [
        word for word in re.findall(r"^\| ([^|]+) \| [^|]+ \|$", page, re.MULTILINE) if word not in ("word", "---")
    ]
    assert len(words) == len({word.casefold() for word in words}) > 50
    assert len(Outcome) == 9
    assert "There are nine." in page


def test_there_are_decisions_of_three_lines_each_and_nothing_else() -> None:
    page = text(ROOT / "docs" / "decisions.md")
    assert len(_DECISION.findall(page)) == page.count("\n### ") >= 20
    rest = _DECISION.sub("", page).split("\n## ", 1)[1]
    assert not [line for line in rest.splitlines()[1:] if line and not line.startswith("## ")]


def test_a_figure_in_a_decision_is_the_codes() -> None:
    known, tried = constants(), 0
    for _, what, *_ in _DECISION.findall(text(ROOT / "docs" / "decisions.md")):
        for name in _CONSTANT.findall(what):
            if name in known:
                tried += 1
                assert any(re.search(rf"(?<![\d.]){value:g}(?![\d])", what) for value in known[name]), (
                    name,
                    known[name],
                )
    assert tried >= 8


OF_AWS = {"AWS_DEFAULT_REGION", "CAPABILITY_AUTO_EXPAND", "CAPABILITY_IAM", "ERROR_CODE", "ERROR_MESSAGE"}
"""What AWS calls its own variables and capabilities, and the attributes of what EventBridge could not deliver."""


def names(page: Path) -> Iterator[str]:
    yield from (name for name in _CONSTANT.findall(text(page)) if "_" in name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_constant_and_variable_that_a_page_names_exists(page: Path) -> None:
    sources = [
        *PACKAGE.rglob("*.py"),
        *(ROOT / "cli").rglob("*.py"),
        *(ROOT / "local").rglob("*.py"),
        *(ROOT / "tools").rglob("*.py"),
        *(ROOT / "deploy").rglob("*.tf"),
        ROOT / "template.yaml",
    ]
    everything = "".join(path.read_text(encoding="utf-8") for path in sources)
    pages_own = "".join(re.findall(r"^```python\n(.*?)^```$", text(page), re.MULTILINE | re.DOTALL))
    for name in set(names(page)) - OF_AWS:
        assert re.search(rf"\b{name}\b", everything + pages_own), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_module_that_a_page_names_exists(page: Path) -> None:
    for name in set(_MODULE.findall(text(page))) - set(_WRITTEN_BY_THE_READER.findall(text(page))) - {"app.py"}:
        anywhere = "/" not in name and (list(PACKAGE.rglob(name)) or list(ROOT.rglob(f"tests/**/{name}")))
        assert (PACKAGE / name).is_file() or (ROOT / name).is_file() or anywhere, name


def test_every_room_that_the_architecture_names_exists_and_each_of_the_packages_is_named() -> None:
    named = set(_ROOM.findall(text(ROOT / "docs" / "architecture.md")))
    for room in named - {"layers/untag/python/untag/"}:
        assert (PACKAGE / room).is_dir() or (ROOT / room).is_dir(), room
    rooms = {f"{path.parent.relative_to(PACKAGE)}/" for path in PACKAGE.glob("*/__init__.py")} - {"hosts/"}
    rooms |= {f"hosts/{path.parent.name}/" for path in (PACKAGE / "hosts").glob("*/__init__.py")}
    assert rooms <= named


def test_whoever_contributes_is_told_of_every_folder_of_tests() -> None:
    named = set(re.findall(r"`tests/([a-z_]+)`", text(ROOT / "CONTRIBUTING.md")))
    assert {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"} == named


def test_every_tool_is_called_or_named_by_something_else() -> None:
    tools = [path for path in (ROOT / "tools").iterdir() if path.is_file()]
    readers = [ROOT / "Makefile", ROOT / "pyproject.toml", *(ROOT / "layers").rglob("Makefile"), *LINKING]
    readers += [*(ROOT / ".github").rglob("*.yml"), *(ROOT / "tests").rglob("*.py"), *tools]
    texts = {path: text(path) for path in readers}
    called = {
        tool: re.compile(rf"tools[./]{tool.stem}\b|from tools import .*\b{tool.stem}\b|\$here/{tool.name}")
        for tool in tools
    }
    unused = [tool for tool in tools if not any(called[tool].search(it) for path, it in texts.items() if path != tool)]
    assert len(tools) > 10
    assert unused == []


def test_the_way_of_a_tag_is_as_long_as_the_page_says() -> None:
    tool = [sys.executable, "-W", "ignore", str(ROOT / "tools" / "way_of_a_tag.py")]
    told = subprocess.run(tool, capture_output=True, text=True, check=True).stdout
    counts = dict(re.findall(r"^(functions|classes) +(\d+)$", told, re.MULTILINE))
    stated = re.findall(
        r"^\| (functions|classes) \| \d+ \| (\d+) \|$", text(ROOT / "docs" / "architecture.md"), re.MULTILINE
    )
    assert dict(stated) == counts


def test_the_outcome_table_and_the_life_of_a_pair_know_every_outcome() -> None:
    page = text(ROOT / "docs" / "architecture.md")
    life = re.search(r"^stateDiagram-v2\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert life
    of_restore = {Outcome.RESTORED.value, Outcome.WOULD_RESTORE.value}
    for outcome in Outcome:
        assert f"`{outcome.value}`" in page
        assert outcome.value in of_restore or f"--> {outcome.value}:" in life[1]
    told = re.findall(r"^\| (`[a-z_`, ]+`) \|", page, re.MULTILINE)
    assert {outcome.value for outcome in Outcome} <= {
        name for cell in told for name in re.findall(r"`([a-z_]+)`", cell)
    }


def test_every_code_of_our_own_is_on_the_page() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("core", "providers")
        for path in (PACKAGE / folder).rglob("*.py")
    )
    patterns = (
        r'Deferral\("([a-z_]+)"',
        r'_protected\("([a-z_]+)"',
        r'code="([a-z_]+)"',
        r'yield "([a-z_]+)", "',
        r'Outcome\.[A-Z]+,\s+"([a-z_]+)"',
        r'Answer\(\s*Verdict\.[A-Z]+,\s+"([a-z_]+)"',
        r'Failure\(\s*"([a-z_]+)"',
    )
    codes = {code for pattern in patterns for code in re.findall(pattern, sources)}
    assert len(codes) > 25
    page = text(ROOT / "docs" / "architecture.md")
    assert not {code for code in codes if f"`{code}`" not in page}
