"""What the figures in docs/performance.md rest on, as counts: calls made, modules imported, bytes. No times."""

import marshal
import os
import subprocess
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest
from service_house import ENVIRON, House, jd_request, operations, put, record

from local.providers import JdcloudServer
from local.providers.server import Ask, Route
from local.providers.wire import Request
from untag.contracts import Outcome, Result, parse_requests
from untag.core import Policy, open_job
from untag.providers import NAMES, Registry

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-runtime" / "bin" / "python"
"""What runs functions here: the tests' own environment has packages that a function never meets."""

MODULES = 420
"""372 when it was written: what comes on top is a dependency, or an import that an invocation may not need."""

PACKAGE_BYTES = 700_000
"""The package's own code without its providers, compiled. Texts for a reader cost a cold start next to nothing, so they
are not counted: a limit on them would be paid in explanations. `make build` checks the layers' size, zipped."""

PROVIDER_BYTES = 150_000
"""One provider's code, counted alike. It is read only where a request for it comes."""

HOST_BYTES = 150_000
"""FunctionGraph as a host, counted alike."""

PAIR_BYTES = 150


@pytest.mark.parametrize(("read_first", "reads"), [("on", 20), ("off", 0)])
def test_a_thousand_small_messages_with_equal_tags_take_twenty_reading_and_twenty_writing_calls(
    read_first: str, reads: int
) -> None:
    names = [f"i-{number}" for number in range(1000)]
    with House(environ={"UNTAG_RATE": "100000", "UNTAG_READ_FIRST": read_first}) as house:
        put(house.jd, *names)
        for start in range(0, 1000, 100):
            batch = names[start : start + 100]
            assert house.batch(*(record(jd_request(name, id_=name), name) for name in batch)) == []
        assert Counter(call.writing for call in house.jd.calls) == Counter({True: 20, False: reads})
        assert sum(call.applied for call in house.jd.calls) == 1000


def test_a_thousand_reports_take_a_hundred_calls() -> None:
    names = [f"i-{number}" for number in range(1000)]
    with House(environ={"UNTAG_RATE": "100000"}) as house:
        put(house.jd, *names)
        assert house.batch(*(record(jd_request(name, id_=name), name) for name in names)) == []
        assert operations(house) == ["PublishBatch"] * 100


def imported() -> set[str]:
    """The modules of a fresh process that has imported the function."""
    code = "import sys; before = set(sys.modules); import app; print(*(set(sys.modules) - before))"
    path = os.pathsep.join([str(ROOT / "functions" / "remove_tags"), str(ROOT / "layers" / "untag" / "python")])
    done = subprocess.run(
        [PYTHON, "-c", code], env={**ENVIRON, "PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_a_cold_start_imports_no_more_than_it_needs() -> None:
    modules = imported()
    assert len(modules) <= MODULES
    # httpx's own transport, and what powertools brings that nothing here uses.
    heavy = {"httpcore", "anyio", "h11", "boto3", "botocore", "requests", "click", "rich", "multiprocessing"}
    heavy |= {f"aws_lambda_powertools.utilities.{name}" for name in ("batch", "parser", "data_classes", "idempotency")}
    assert not modules & heavy


def test_one_function_does_not_import_the_others() -> None:
    assert not {name for name in imported() if name.startswith(("untag.sweep", "untag.decommission"))}


def compiled_bytes(path: Path) -> int:
    return len(marshal.dumps(compile(path.read_text(encoding="utf-8"), path.name, "exec", optimize=2)))


def test_the_package_and_each_of_its_providers_stay_small() -> None:
    package = ROOT / "layers" / "untag" / "python" / "untag"
    providers = {name: package / "providers" / name for name in NAMES}
    sizes = {path: compiled_bytes(path) for path in package.rglob("*.py")}
    for name, folder in providers.items():
        assert sum(size for path, size in sizes.items() if folder in path.parents) <= PROVIDER_BYTES, name
    other_host = package / "hosts" / "functiongraph"
    assert sum(size for path, size in sizes.items() if other_host in path.parents) <= HOST_BYTES
    not_deployed = {package / "hosts" / "here", other_host}  # layers/untag/Makefile leaves them out
    apart = {*providers.values(), *not_deployed}
    own = sum(size for path, size in sizes.items() if not apart & set(path.parents))
    assert own <= PACKAGE_BYTES


def test_a_pair_under_work_holds_few_bytes() -> None:
    registry = Registry()
    (request,) = parse_requests(
        jd_request(*(f"i-{number}" for number in range(2000)), tags={f"k{number}": "x" for number in range(5)}), "r"
    )
    policy = Policy(max_pairs=100_000)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        job = open_job(request, registry, policy, now=0.0)
        job.blocks[0].settle_rest(Result(Outcome.REMOVED))
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert job.open == 0
    assert held / request.pairs() <= PAIR_BYTES


def test_a_call_of_fifty_resources_and_five_tags_sends_few_bytes() -> None:
    sent: list[int] = []

    class Weighing(JdcloudServer):
        def parse(self, request: Request, route: Route, account: str) -> Ask:
            sent.append(len(request.body))
            return super().parse(request, route, account)

    names = [f"i-{number:08}" for number in range(50)]
    with House(jd=Weighing()) as house:
        tags = {f"k{number}": "x" for number in range(5)}
        put(house.jd, *names, tags=tags)
        assert house.batch(record(jd_request(*names, tags=tags))) == []
    assert len(sent) == 2
    assert max(sent) <= 50 * 16 + 5 * 28 + 200


def test_what_a_cold_start_imports_is_what_the_build_compiles() -> None:
    """Or a deployed function compiles it at each cold start: `tools/bytecode.py` writes the list."""
    code = [PYTHON, str(ROOT / "tools" / "bytecode.py"), "--check"]
    assert subprocess.run(code, env={"PATH": os.defpath}, check=False).returncode == 0
