"""The pictures on the pages: they are there, say what they show, and fetch nothing."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from docs_support import ROOT

from tools.screenshots.drawing import command_picture, live_picture

IMAGES = ROOT / "docs" / "img"
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
_PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
_CHARACTER = 12.2
"""The width of a character in the pictures."""
_SVG = "http://www.w3.org/2000/svg"

WORDS = {
    "plan": ("$ untag plan cleanup.csv -o plan.csv", "94 pairs of resource and tag", "By place", "By key", "absent"),
    "status": (
        "$ untag status cleanup-2026-11",
        "67 removed, 3 failed, 24 waiting, complete: no",
        "the resource is being migrated",
        "nothing is due until 14:05 (in 4:12)",
        "24 pairs at huaweicloud/shop wait: the credentials are refused (account_closed)",
    ),
    "live": ("Queues", "kept requests", "1 in 47:59:50", "Outcomes", "Clouds", "Reports (7)", "w waiting"),
}
"""What can be read on each picture that tools/screenshots takes."""


def words(picture: str) -> str:
    """The text of an SVG, a line for each of the terminal's."""
    lines: dict[str, list[tuple[float, str]]] = {}
    for element in ET.fromstring(picture).iter(f"{{{_SVG}}}text"):  # noqa: S314 - our own
        lines.setdefault(element.get("y", ""), []).append((float(element.get("x", 0)), element.text or ""))
    texts = []
    for parts in lines.values():
        line = ""
        for x, text in sorted(parts):
            line = line.ljust(round(x / _CHARACTER)) + text.replace("\xa0", " ")
        texts.append(line)
    return "\n".join(texts)


def pictures() -> list[tuple[Path, str, str]]:
    """Every picture of the pages: the page, the text in place of it, and its file."""
    return [(page, *found) for page in PAGES for found in _PICTURE.findall(page.read_text(encoding="utf-8"))]


def test_every_picture_of_a_page_is_there_with_words_for_those_who_do_not_see_it() -> None:
    files = set()
    for page, instead, target in pictures():
        assert instead.strip(), (page, target)
        assert (page.parent / target).is_file(), (page, target)
        files.add((page.parent / target).resolve())
    assert files == set(IMAGES.glob("*.svg"))


@pytest.mark.parametrize("name", WORDS)
def test_a_picture_of_a_terminal_says_what_it_shows_fetches_nothing_and_names_no_machine(name: str) -> None:
    picture = (IMAGES / f"{name}.svg").read_text(encoding="utf-8")
    text = words(picture)
    for word in WORDS[name]:
        assert word in text, word
    assert set(re.findall(r"https?://[^\s\"')]+", picture)) == {_SVG}
    assert "@font-face" not in picture
    assert not re.search(r"/(?:tmp|home|root|work|Users|private|var)/", picture)
    assert (ET.fromstring(picture).findtext(f"{{{_SVG}}}title") or "").startswith("untag ")  # noqa: S314 - our own


def test_what_a_command_printed_is_drawn_with_its_colours_and_with_fixed_times() -> None:
    printed = "\x1b[31m3 failed\x1b[0m\r\nnothing is due until 09:31 (in \x1b[1m0:07\x1b[0m) <a & b>\r\n"
    picture = command_picture("x", "untag status b", printed)
    assert picture == command_picture("x", "untag status b", printed.replace("09:31", "23:59").replace("0:07", "4:59"))
    text = words(picture)
    assert "$ untag status b" in text
    assert "3 failed" in text
    assert "nothing is due until 14:05 (in 4:12) <a & b>" in text


def test_the_live_view_is_drawn_from_what_an_observer_saw() -> None:
    queue = {"logical_id": "WorkQueue", "visible": 3, "in_flight": 1, "delayed": 1, "dead_letters": False}
    waiting = {"id": "m", "queue": "WorkQueue", "where": "WorkQueue", "due": 352.0, "pairs": 2, "requests": "chg-1"}
    cloud = {"calls": 5, "rate": 0.5, "in_flight": 0, "statuses": {"200": 5}, "changed": 2, "faults": [], "recent": []}
    report = {"number": 1, "id": "chg-1", "status": "partial", "summary": "jdcloud/default: 2 of 4 tags removed"}
    seen = {
        "name": "untag",
        "time": 100.0,
        "seconds": 61.0,
        "queues": [queue],
        "functions": {"RemoveTags": {"busy": 1, "invocations": 2}},
        "providers": {"jdcloud": cloud},
        "outcomes": {"removed": 2, "deferred": 2},
        "dead_letters": {"count": 0, "recent": []},
        "waiting": {"count": 1, "kept": 0, "next": [waiting]},
        "reports": {"count": 1, "recent": [report]},
        "missing": [],
        "down": [],
        "logs": [],
    }
    text = words(live_picture(seen))
    for word in ("untag up 0:01:01", "2 invocations, 1 running", "1 in 4:12", "5 x 200", "2 of 4 tags removed"):
        assert word in text
