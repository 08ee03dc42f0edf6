"""What is shown while something takes its time: a line on a terminal that goes away again, and nothing elsewhere."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console

from local.errors import LocalError
from local.session.control import Client
from local.terminal.console import counted

_LOOK_SECONDS = 0.3


def working(console: Console, what: str) -> contextlib.AbstractContextManager[Any]:
    """While it lasts, a terminal says what is being done."""
    return console.status(f"{what} …") if console.is_terminal else contextlib.nullcontext()


def drain(client: Client, seconds: float, console: Console) -> None:
    """Wait until the queues that functions read are quiet; a terminal says how many messages remain."""
    if not console.is_terminal:
        client.post("drain", {"seconds": seconds})
        return
    with console.status("waiting for the queues …") as status, _meanwhile(client, "drain", seconds) as done:
        while not done.wait(_LOOK_SECONDS):
            queues = client.get("activity")["queues"]
            remaining = sum(
                queue["visible"] + queue["in_flight"] + queue["delayed"]
                for queue in queues
                if not queue["dead_letters"]
            )
            status.update(f"waiting for the queues: {counted(remaining, 'message')} left …")


@contextlib.contextmanager
def _meanwhile(client: Client, what: str, seconds: float) -> Iterator[threading.Event]:
    """While it lasts, a request is under way in a thread of its own; gives what is set when it is answered.

    What the request raised is raised at the end.
    """
    done = threading.Event()
    raised: list[LocalError] = []

    def ask() -> None:
        try:
            client.post(what, {"seconds": seconds})
        except LocalError as error:
            raised.append(error)
        finally:
            done.set()

    # A daemon, so that Ctrl-C need not wait for the answer.
    threading.Thread(target=ask, daemon=True).start()
    yield done
    if raised:
        raise raised[0]


def run(console: Console, what: str, call: Callable[[], Any]) -> Any:
    """Do something that may take its time, and say meanwhile what it is."""
    with working(console, what):
        return call()
