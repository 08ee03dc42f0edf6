"""What the emulated FunctionGraph gives a function, and what it does with one that misbehaves."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.errors import LocalError
from local.functiongraph import Agency, ServiceError
from local.functiongraph.clock import Clock
from local.functiongraph.functions import EmulatedFunctions, State
from local.functiongraph.instance import FunctionSpec

CODE = """
import json, os, sys, time

MADE = []

def initializer(context):
    MADE.append(context.getUserData("UNTAG"))

def facts(event, context):
    print("a line of the handler")
    return {
        "event": event,
        "names": sorted(name for name in dir(context) if not name.startswith("_")),
        "environ": dict(os.environ),
        "user": context.getUserData("UNTAG"),
        "other": context.getUserData("OTHER"),
        "made": MADE,
        "keys": [context.getSecurityAccessKey(), context.getSecuritySecretKey(), context.getSecurityToken()],
        "left": context.getRemainingTimeInMilliSeconds(),
        "request_id": context.getRequestID(),
        "path": sys.path,
        "extensions": sys.modules["typing_extensions"].__version__,
        "now": time.time(),
        "pid": os.getpid(),
    }

def do(event, context):
    match event["do"]:
        case "raise": raise ValueError("no good")
        case "exit": os._exit(3)
        case "sleep": time.sleep(event["seconds"])
        case "old keys": return context.getAccessKey()
        case "much": return "x" * (6 * 1024 * 1024)
        case "odd": return {1, 2}
        case "count":
            with open(event["file"], "a") as file:
                file.write(context.getRequestID() + "\\n")
            if len(open(event["file"]).readlines()) < event["times"]:
                raise ValueError("again")
    return "done"

def sentinel(event, context):
    from typing_extensions import Sentinel
"""

Made = Callable[..., EmulatedFunctions]


@pytest.fixture
def clock() -> Iterator[Clock]:
    clock = Clock()
    yield clock
    clock.close()


@pytest.fixture
def agency() -> Agency:
    return Agency()


@pytest.fixture
def deploy(tmp_path: Path, clock: Clock, agency: Agency, monkeypatch: pytest.MonkeyPatch) -> Iterator[Made]:
    monkeypatch.setenv("UNTAG_LEAK", "of this process")
    (tmp_path / "index.py").write_text(CODE)
    functions = EmulatedFunctions(agency, clock)
    functions.retry_seconds = (0.0, 0.05)

    def made(handler: str = "index.facts", **changes: Any) -> EmulatedFunctions:
        settings: dict[str, Any] = {"user_data": {"UNTAG": '{"UNTAG_RATE": "5"}'}, "timeout": 10.0}
        functions.add(FunctionSpec("f", handler, tmp_path, Path(sys.executable), **(settings | changes)))
        return functions

    with functions:
        yield made


def call(functions: EmulatedFunctions, **event: Any) -> Any:
    return functions.invoke("f", json.dumps(event).encode())


def test_the_context_has_the_documented_names_and_no_other(deploy: Made) -> None:
    assert call(deploy()).value["names"] == [
        "getAccessKey",
        "getAlias",
        "getCPUNumber",
        "getFunctionName",
        "getLogger",
        "getMemorySize",
        "getPackage",
        "getProjectID",
        "getRemainingTimeInMilliSeconds",
        "getRequestID",
        "getRunningTimeInSeconds",
        "getSecretKey",
        "getSecurityAccessKey",
        "getSecuritySecretKey",
        "getSecurityToken",
        "getToken",
        "getUserData",
        "getVersion",
        "getWorkflowID",
        "getWorkflowRunID",
        "getWorkflowStateID",
    ]


def test_settings_are_user_data_and_stand_in_no_environment(deploy: Made) -> None:
    answer = call(deploy(), a=[1]).value
    assert answer["event"] == {"a": [1]}
    assert (answer["user"], answer["other"], answer["made"]) == ('{"UNTAG_RATE": "5"}', "", ['{"UNTAG_RATE": "5"}'])
    assert {name for name in answer["environ"] if not name.startswith("RUNTIME_")} <= {"LANG", "PATH", "LC_CTYPE"}
    assert "UNTAG_RATE" not in json.dumps(answer["environ"])


def test_the_bundled_libraries_come_before_the_functions_own(deploy: Made, tmp_path: Path) -> None:
    answer = call(deploy()).value
    assert (Path(answer["path"][0]).name, answer["path"][1]) == ("bundled", str(tmp_path))
    assert answer["extensions"] == "4.12.2"
    failed = call(deploy("index.sentinel"))
    assert (failed.error, "Sentinel" in failed.value["errorMessage"]) == ("ImportError", True)


def test_the_keys_are_the_agencys_and_are_read_anew_for_each_request(deploy: Made, agency: Agency) -> None:
    functions = deploy()
    first = call(functions).value
    agency.rotate()
    second = call(functions).value
    assert second["keys"] == list(agency.keys)
    assert (first["pid"], first["keys"] != second["keys"]) == (second["pid"], True)
    assert call(deploy("index.do"), do="old keys").error == "RuntimeError"


def test_a_functions_time_is_the_shared_clock(deploy: Made, clock: Clock) -> None:
    functions = deploy()
    assert abs(call(functions).value["now"] - time.time()) < 5
    clock.advance(3600)
    answer = call(functions).value
    assert abs(answer["now"] - time.time() - 3600) < 5
    assert 0 < answer["left"] <= 10_000


def test_an_error_is_told_and_the_instance_lives_on(deploy: Made) -> None:
    functions = deploy("index.do")
    failed = call(functions, do="raise")
    assert (failed.error, failed.value["errorMessage"]) == ("ValueError", "no good")
    assert call(functions, do="nothing").value == "done"


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"do": "exit"}, "FunctionExit"),
        ({"do": "much"}, "ResponseTooLarge"),
        ({"do": "odd"}, "TypeError"),
        ({"do": "sleep", "seconds": 60}, "FunctionTimeout"),
    ],
)
def test_a_function_that_misbehaves_fails_and_the_next_request_runs(deploy: Made, event: Any, error: str) -> None:
    functions = deploy("index.do", timeout=1.0)
    assert call(functions, **event).error == error
    assert call(functions, do="nothing").value == "done"


def test_a_module_that_cannot_be_loaded_says_why(deploy: Made) -> None:
    assert call(deploy("nothing.handler")).error == "ModuleNotFoundError"


def test_what_a_function_prints_is_its_log(deploy: Made) -> None:
    outcome = call(deploy())
    id_ = outcome.request_id
    assert list(outcome.log) == [
        f"Start invoke request '{id_}', version: latest",
        "a line of the handler",
        f"Finish invoke request '{id_}'",
    ]


def test_variables_have_their_limits(deploy: Made) -> None:
    deploy(user_data={"UNTAG": "x" * 4091})
    with pytest.raises(LocalError, match=r"FSS\.1018"):
        deploy(user_data={"UNTAG": "x" * 4092})
    with pytest.raises(LocalError, match=r"FSS\.1017"):
        deploy(user_data={f"A{number}": "" for number in range(21)})


def later(functions: EmulatedFunctions, **event: Any) -> Any:
    functions.invoke_async("f", json.dumps(event).encode())
    return functions.requests[-1]


def test_a_request_that_fails_is_repeated_as_often_as_it_is_said(deploy: Made, tmp_path: Path) -> None:
    functions = deploy("index.do", retries=3)
    request = later(functions, do="count", file=str(tmp_path / "runs"), times=3)
    assert functions.wait_idle(20)
    assert (request.state, request.attempts) == (State.SUCCESS, 3)
    assert (tmp_path / "runs").read_text().split() == [request.request_id] * 3
    request = later(functions, do="count", file=str(tmp_path / "more"), times=9)
    assert functions.wait_idle(20)
    assert (request.state, request.attempts) == (State.FAIL, 4)
    (failure,) = functions.failures
    assert (failure["request_context"]["approximate_invoke_count"], failure["response_context"]) == (
        4,
        {"status_code": 200, "function_error": "ValueError"},
    )


def test_what_is_surplus_waits_or_is_discarded(deploy: Made) -> None:
    functions = deploy("index.do", max_instances=1)
    first = [later(functions, do="sleep", seconds=0.3) for _ in range(3)]
    with pytest.raises(ServiceError, match=r"FSS\.0429"):
        call(functions, do="nothing")
    assert functions.wait_idle(20)
    assert [request.state for request in first] == [State.SUCCESS] * 3
    functions.discard_surplus = True
    second = [later(functions, do="sleep", seconds=0.3) for _ in range(3)]
    assert functions.wait_idle(20)
    assert [request.state for request in second] == [State.SUCCESS, State.DISCARD, State.DISCARD]
    assert [failure["request_context"]["request_id"] for failure in functions.failures] == [
        request.request_id for request in second[1:]
    ]


def test_requests_can_be_lost_and_instances_killed(deploy: Made) -> None:
    functions = deploy("index.do", retries=1)
    functions.lose = lambda _request: True
    lost = later(functions, do="nothing")
    functions.lose = lambda _request: False
    killed = later(functions, do="sleep", seconds=1)
    deadline = time.monotonic() + 10
    while not functions.kill() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert functions.wait_idle(20)
    assert (lost.state, lost.attempts) == (State.LOST, 0)
    assert (killed.state, killed.attempts) == (State.SUCCESS, 2)
