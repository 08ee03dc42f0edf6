"""What a person looks at in the live view: the page, the cursor, the search. Knows nothing of how it is drawn."""

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

PAGES = {
    "o": "overview",
    "c": "calls",
    "r": "reports",
    "d": "dead letters",
    "w": "waiting",
    "l": "logs",
}
"""By the key that leads to each."""

ROWS = "rows"
"""What is shown in place of the page of reports while one of them is open."""

_REPORTS = "reports"
_QUIT = "q"


class Item(NamedTuple):
    """One line of a list: what it is known by, however the list grows, and the text that a search looks at."""

    key: Hashable
    text: str


class Window(NamedTuple):
    """The part of a list that is shown: from `first` to before `end`; `cursor` is None where the list has no cursor."""

    first: int
    end: int
    cursor: int | None


class View:
    """The state of one person's view. `press` takes keys; `window` says which part of a list is to be drawn.

    A list that follows shows its end as it grows, until the cursor is moved up; at its end it follows again.
    """

    def __init__(self, page: str = "overview") -> None:
        self.page = page
        self.report: Any = None
        """The report whose rows are shown, by its key in the list."""
        self.search = ""
        self.typing: str | None = None
        """The search while it is typed."""
        self.missed = False
        """Whether nothing in the list has the text that was searched for."""
        self._cursors: dict[Hashable, Hashable] = {}
        self._firsts: dict[Hashable, int] = {}
        self._items: Sequence[Item] = ()
        self._lines = 1
        self._follows = False

    @property
    def showing(self) -> str:
        """The page, or `rows` where a report is open."""
        return ROWS if self.page == _REPORTS and self.report is not None else self.page

    def window(self, items: Sequence[Item], lines: int, *, follows: bool) -> Window:
        """Which items of the list in view to draw on so many lines; keys that come later move in this list."""
        self._items, self._lines, self._follows = items, max(1, lines), follows
        at = self._at()
        most = max(0, len(items) - self._lines)
        first = min(self._firsts.get(self._place(), most if follows else 0), most)
        first = (most if follows else first) if at is None else max(min(first, at), at - self._lines + 1)
        self._firsts[self._place()] = first
        if at is None and items and self.showing == _REPORTS:
            at = len(items) - 1  # what Enter opens
        return Window(first, min(len(items), first + self._lines), at)

    def press(self, key: str) -> bool:
        """Take a key: a character, or the name of another key. False where it ends the view."""
        if self.typing is not None:
            self._type(key)
            return True
        match key:
            case "up" | "down" | "pageup" | "pagedown" | "home" | "end":
                self._move(key)
            case "enter" if self.page == _REPORTS and self.report is None and self._items:
                at = self._at()
                self._open(self._items[-1 if at is None else at].key)
            case "escape" if self.search:
                self.search, self.missed = "", False
            case "escape" | "backspace" | "left":
                self.report = None
            case "/" if self._items:
                self.typing = ""
            case "n" | "N" if self.search:
                self._seek(1 if key == "n" else -1)
            case _ if key.lower() == _QUIT:
                return False
            case _ if key.lower() in PAGES:
                self.page, self.report, self.missed = PAGES[key.lower()], None, False
                self._items = ()
        return True

    def position(self) -> str:
        """Where in its list the cursor is, such as `17 of 50`; "" where the list follows or has no cursor."""
        at = self._at()
        return "" if at is None else f"{at + 1} of {len(self._items)}"

    def _type(self, key: str) -> None:
        typed = self.typing or ""
        match key:
            case "enter":
                self.search, self.typing, self.missed = typed, None, False
                if typed:
                    self._seek(1, here=True)
            case "escape":
                self.typing = None
            case "backspace":
                self.typing = typed[:-1]
            case _ if len(key) == 1 and key.isprintable():
                self.typing = typed + key

    def _open(self, report: Hashable) -> None:
        self._set(len(self._items) - 1 if self._at() is None else self._at())
        self.report = report
        self._cursors.pop(self._place(), None)
        self._firsts.pop(self._place(), None)

    def _move(self, key: str) -> None:
        last = len(self._items) - 1
        if last < 0:
            return
        at = self._at()
        page = max(1, self._lines - 1)
        now = (last if self._follows else -1) if at is None else at
        steps = {"up": now - 1, "down": now + 1, "pageup": now - page, "pagedown": now + page, "home": 0, "end": last}
        to = max(0, min(last, steps[key]))
        self._set(None if self._follows and to == last else to)

    def _seek(self, step: int, *, here: bool = False) -> None:
        """Go to the next item, round the end, that has the text."""
        at = self._at()
        count = len(self._items)
        start = (-1 if step > 0 else count) if at is None else at - step * here
        text = self.search.casefold()
        for number in range(1, count + 1):
            if text in self._items[to := (start + step * number) % count].text.casefold():
                self._set(to)
                self.missed = False
                return
        self.missed = True

    def _place(self) -> Hashable:
        return (ROWS, self.report) if self.showing == ROWS else self.page

    def _at(self) -> int | None:
        """Where the item under the cursor is by now; None where there is no cursor, or the item is gone."""
        key = self._cursors.get(self._place())
        if key is None:
            return None
        return next((number for number, item in enumerate(self._items) if item.key == key), None)

    def _set(self, at: int | None) -> None:
        if at is None or at < 0:
            self._cursors.pop(self._place(), None)
        else:
            self._cursors[self._place()] = self._items[at].key
