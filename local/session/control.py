"""How a command finds a stack that is up in another process: a session file, and a server on loopback.

The session file holds the server's address and a key. The key is asked for with every request, so that
neither another user of this machine nor a page in a browser can run anything.
"""

import contextlib
import fcntl
import hmac
import http.client
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local import STATE
from local.errors import FAILED, LocalError, NotRunning
from local.live.observer import Observer
from local.live.stacks import side_of

if TYPE_CHECKING:
    from local.functions.runtime import Answer
    from local.live.stacks import AnyStack
    from local.session.real import Plan, RealClouds
    from local.session.sandbox import Sandbox

SESSION = STATE / "stack.json"
_KEY = "X-Local-Key"
# Longer than any function may run.
_SECONDS = 960.0
_LOOK_AGAIN_SECONDS = 0.05


def state(stack: "AnyStack") -> dict[str, Any]:
    """Everything that can be seen of a stack, as JSON."""
    side = side_of(stack)
    return {
        "providers": {
            name: {"url": server.url, "tags": server.tags.snapshot(), "calls": len(server.calls)}
            for name, server in stack.providers.items()
        },
        "queues": [asdict(queue) for queue in stack.queues().values()],
        "missing": side.missing(),
        "down": list(side.down()),
        "failed_invocations": side.failures(),
        "dead_letters": [asdict(dead_letter) for dead_letter in stack.dead_letters()],
        "reports": [asdict(notification) for notification in stack.notifications()],
    }


def describe(stack: "AnyStack", real: "RealClouds | None" = None) -> dict[str, Any]:
    """What runs and where, as JSON; `real` is null where the clouds are local."""
    side = side_of(stack)
    return {
        "host": stack.host,
        "real": None if real is None else real.describe(),
        "name": stack.name,
        "pid": os.getpid(),
        "region": stack.region,
        "ledger": None if stack.ledger is None else str(stack.ledger),
        "seconds_to_start": round(stack.seconds_to_start, 2),
        "providers": {name: server.url for name, server in stack.providers.items()},
        "functions": {
            logical_id: {"name": function.name, "timeout": function.timeout}
            for logical_id, function in side.functions().items()
        },
        "queues": {logical_id: queue.name for logical_id, queue in stack.queues().items()},
        **side.describe(),
    }


def environment(stack: "AnyStack", accounts: Path) -> dict[str, str]:
    """The variables that make another process speak to the host's services and local clouds, and to its ledger."""
    from local.providers import environment as variables_of  # noqa: PLC0415

    return {
        **side_of(stack).environment(),
        **(variables_of(stack.providers.values()) if stack.providers else {}),
        **({"UNTAG_CREDENTIALS": f"file:{accounts}"} if stack.providers else {}),
        **({} if stack.ledger is None else {"UNTAG_LEDGER": str(stack.ledger.absolute())}),
    }


def answer_of(answer: "Answer") -> dict[str, Any]:
    """An invocation's answer as JSON; `errors` are those that a failed one names by path and message."""
    text = answer.payload.decode("utf-8", "replace")
    try:
        payload = json.loads(text or "null")
    except ValueError:
        payload = text
    return {**asdict(answer), "payload": payload, "errors": _errors(payload) if answer.error else []}


def _errors(payload: Any) -> list[dict[str, str]]:
    """The errors of a failed invocation: {"errors": [{"path", "message"}]} as the text of the error's message."""
    try:
        errors = json.loads(payload["errorMessage"])["errors"]
        return [{"path": str(error.get("path", "")), "message": str(error["message"])} for error in errors]
    except (ValueError, LookupError, TypeError, AttributeError):
        return []


def refuse_second(session: Path = SESSION) -> None:
    """LocalError if the session file's stack is up: a second one would take its place in the file."""
    with contextlib.suppress(NotRunning):
        other = Client(session).get("describe")
        raise LocalError(
            f"a stack is already up, in process {other['pid']}",
            "Ctrl-C stops it where it runs; to see it: `local watch`",
        )


@contextlib.contextmanager
def serve(
    stack: "AnyStack",
    session: Path = SESSION,
    *,
    observer: Observer | None = None,
    real: "RealClouds | None" = None,
    stop: Callable[[], None] | None = None,
) -> Iterator[dict[str, Any]]:
    """While it lasts, commands in other processes find the stack; gives the session file's content.

    `stop` is called when one of them asks the stack to end.
    """
    from local.session.sandbox import Sandbox  # noqa: PLC0415 - what only asks a stack needs no clouds

    key = secrets.token_urlsafe(24)
    session.parent.mkdir(parents=True, exist_ok=True)
    sandbox = Sandbox(stack, session.absolute().with_suffix(".accounts.json"))
    server = _Server(stack, key, observer or Observer(stack), real, sandbox, stop)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="control", daemon=True)
    thread.start()
    content = {**describe(stack, real), "control": f"127.0.0.1:{server.server_port}", "key": key}
    sandbox.write_accounts()
    with open(session, "w", encoding="utf-8", opener=_only_mine) as file:
        json.dump(content, file, indent=2)
    try:
        yield content
    finally:
        session.unlink(missing_ok=True)
        sandbox.accounts.unlink(missing_ok=True)
        server.shutdown()
        server.server_close()
        thread.join()


def _only_mine(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def hold(session: Path) -> None:
    """Have `end` wait until this process has ended: the lock on the file is given up then, and not before."""
    fcntl.flock(os.open(session, os.O_RDONLY), fcntl.LOCK_EX)


def end(session: Path, seconds: float = 60.0) -> dict[str, Any]:
    """Have the stack that is up end, and wait until its process is done with it; what has ended. Raises LocalError."""
    client = Client(session)
    described = client.get("describe")
    with session.open(encoding="utf-8") as file:
        answer: dict[str, Any] = client.post("down", {})
        until = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise LocalError(
                        f"process {described['pid']} has not ended after {seconds:g} seconds",
                        f"kill {described['pid']} ends it at once",
                        status=FAILED,
                    ) from None
                time.sleep(_LOOK_AGAIN_SECONDS)
            else:
                return {"name": described["name"], "pid": described["pid"], **answer}


class Client:
    """Talks to the stack that a session file names; NotRunning where there is none."""

    def __init__(self, session: Path = SESSION) -> None:
        self._session = session

    def get(self, what: str) -> Any:
        """Asks for something."""
        return self._call("GET", what, None)

    def post(self, what: str, body: Mapping[str, Any]) -> Any:
        """Has something done."""
        return self._call("POST", what, json.dumps(body).encode())

    def _call(self, method: str, what: str, body: bytes | None) -> Any:
        try:
            content = json.loads(self._session.read_text(encoding="utf-8"))
            connection = http.client.HTTPConnection(content["control"], timeout=_SECONDS)
            with contextlib.closing(connection):
                connection.request(method, f"/{what}", body, {_KEY: content["key"]})
                response = connection.getresponse()
                answer = json.loads(response.read())
        except (OSError, ValueError, KeyError, http.client.HTTPException):
            # No file, or one that a killed process left behind.
            raise NotRunning("no stack is up", "start one in another terminal: `local up`") from None
        if response.status != http.client.OK:
            raise LocalError(answer["error"], answer["hint"], status=answer["status"])
        return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self,
        stack: "AnyStack",
        key: str,
        observer: Observer,
        real: "RealClouds | None",
        sandbox: "Sandbox",
        stop: Callable[[], None] | None,
    ) -> None:
        self.stack = stack
        self.stop = stop
        self.sandbox = sandbox
        self.key = key
        self.observer = observer
        self.real = real
        from local.session.fault_switches import FaultSwitches  # noqa: PLC0415 - as above

        self.switches = FaultSwitches(stack.providers, stack.is_seeded, side_of(stack))
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        stack = self.server.stack
        self._do(
            {
                "describe": lambda: describe(stack, self.server.real),
                "environment": lambda: environment(stack, self.server.sandbox.accounts),
                "state": lambda: state(stack),
                "activity": self.server.observer.look,
                **self._report(),
                "faults": self.server.switches.snapshot,
            }
        )

    def _report(self) -> dict[str, Callable[[], Any]]:
        """The report that the path names by its number, if it names one."""
        what, _, number = self.path.removeprefix("/").partition("/")
        if what != "report" or not number.isdecimal():
            return {}
        return {f"report/{number}": lambda: self.server.observer.report(int(number))}

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        self._do(
            {
                "plan": lambda: self._plan(body),
                "put": lambda: self.server.sandbox.put(body["resources"]),
                "send": lambda: [asdict(sent) for sent in self._send(body)],
                "invoke": lambda: self._invoke(body),
                "fire": lambda: [asdict(self._fire(body))],
                "down": self._down,
                "drain": lambda: self.server.stack.drain(float(body["seconds"])),
                "faults/on": lambda: self.server.switches.on(body["do"], body["clouds"], body["how"]),
                "faults/off": lambda: self.server.switches.off(body["names"], body["clouds"], seeded=body["seeded"]),
            }
        )

    def _plan(self, body: Mapping[str, Any]) -> dict[str, Any]:
        plan = self._planned(body)
        if self.server.real is not None:
            self.server.real.check_plan(plan)
        return plan.as_dict()

    def _down(self) -> dict[str, Any]:
        """Have the stack end; says what its queues still hold."""
        if self.server.stop is None:
            raise LocalError("this stack is a part of another program", "that program ends it", status=FAILED)
        held = {queue.logical_id: queue.total for queue in self.server.stack.queues().values() if queue.total}
        self.server.stop()
        return {"messages": held}

    def _planned(self, body: Mapping[str, Any]) -> "Plan":
        """What an event, a payload or a schedule leads to."""
        from local.session import real  # noqa: PLC0415 - it takes a while, and local clouds need none of it

        function = body.get("function")
        asks = function is None or side_of(self.server.stack).takes_requests(function)
        if "event" not in body or not asks:
            return real.Plan(None, ())
        return real.plan(body["event"])

    def _check(self, body: Mapping[str, Any]) -> None:
        """With real clouds nothing is done without a confirmation."""
        if self.server.real is not None:
            self.server.real.check_confirmed(self._planned(body), body.get("confirmed"))

    def _send(self, body: Mapping[str, Any]) -> list[Any]:
        self._check(body)
        return list(self.server.stack.send(body["event"], queue=body.get("queue")))

    def _fire(self, body: Mapping[str, Any]) -> Any:
        self._check(body)
        try:
            at = None if body["at"] is None else datetime.fromisoformat(body["at"])
        except ValueError:
            raise LocalError(f"{body['at']} is not a time", "such as 2026-12-01T03:00:00+08:00") from None
        if at is not None and at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        return self.server.stack.fire(body["schedule"], at)

    def _invoke(self, body: Mapping[str, Any]) -> dict[str, Any]:
        self._check(body)
        answer = self.server.stack.invoke(body["function"], str(body["event"]).encode())
        return answer_of(answer)

    def _do(self, actions: Mapping[str, Any]) -> None:
        action = actions.get(self.path.removeprefix("/"))
        if not hmac.compare_digest(self.headers.get(_KEY, "").encode(), self.server.key.encode()):
            self._refuse(403, "the key is not this stack's")
        elif action is None:
            self._refuse(404, f"there is no {self.path}")
        else:
            try:
                self._reply(200, action())
            except LocalError as error:
                self._refuse(409, str(error), error.hint, error.status)
            except Exception as error:  # noqa: BLE001  the person at the other end is to hear of it
                hint = "a mistake of the local stack itself: an issue with this line and the command helps"
                self._refuse(500, f"{type(error).__name__}: {error}", hint)

    def _refuse(self, code: int, error: str, hint: str = "", status: int = FAILED) -> None:
        self._reply(code, {"error": error, "hint": hint, "status": status})

    def _reply(self, status: int, answer: Any) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keeps quiet."""
