"""A function and its pool of execution environments."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.errors import FAILED, LocalError, TemplateError
from local.functions.runtime import REQUEST_BYTES, Answer, ExecutionEnvironment, FunctionSpec

if TYPE_CHECKING:
    from local.template import Template

_LAMBDA_DEFAULT_TIMEOUT = 3
_LAMBDA_DEFAULT_MEMORY = 128


class Function:
    """One deployed function. Each invocation has an environment to itself; idle ones stay warm."""

    def __init__(self, spec: FunctionSpec, sink: Callable[[str, str], None] | None = None) -> None:
        self.spec = spec
        self._sink = sink
        self._lock = threading.Lock()
        self._idle: list[ExecutionEnvironment] = []
        self._busy: set[ExecutionEnvironment] = set()
        self._old: set[ExecutionEnvironment] = set()
        """Busy ones that are not taken again, since the configuration has changed."""
        self._closed = False
        self.invocations = 0
        self.cold_starts = 0

    def invoke(self, payload: bytes) -> Answer:
        """One synchronous invocation."""
        if len(payload) > REQUEST_BYTES:
            raise LocalError(f"a payload of {len(payload)} bytes is too large: Lambda takes {REQUEST_BYTES} bytes")
        environment = self._take()
        try:
            answer = environment.invoke(payload)
        finally:
            self._give_back(environment)
        with self._lock:
            self.invocations += 1
            self.cold_starts += answer.cold
        return answer

    def renew(self, variables: Mapping[str, str]) -> None:
        """Change some variables: from now on invocations run in new environments, as after an update on Lambda."""
        with self._lock:
            self.spec = replace(self.spec, environment={**self.spec.environment, **variables})
            idle = list(self._idle)
            self._idle.clear()
            self._old |= self._busy
        for environment in idle:
            environment.close()

    @property
    def busy(self) -> int:
        """How many invocations are running."""
        return len(self._busy)

    def close(self) -> None:
        """Ends every environment, busy ones too."""
        with self._lock:
            self._closed = True
            environments = [*self._idle, *self._busy]
            self._idle.clear()
        for environment in environments:
            environment.close()

    def _take(self) -> ExecutionEnvironment:
        with self._lock:
            if self._closed:
                raise LocalError("the local stack has been stopped", status=FAILED)
            environment = self._idle.pop() if self._idle else self._start()
            if not environment.alive:
                # It ended by itself since its last invocation, which is no failure of this one.
                environment.close()
                environment = self._start()
            self._busy.add(environment)
            return environment

    def _start(self) -> ExecutionEnvironment:
        sink, name = self._sink, self.spec.name
        return ExecutionEnvironment(self.spec, None if sink is None else lambda line: sink(name, line))

    def _give_back(self, environment: ExecutionEnvironment) -> None:
        with self._lock:
            self._busy.discard(environment)
            if environment.alive and not self._closed and environment not in self._old:
                self._idle.append(environment)
                return
            self._old.discard(environment)
        environment.close()


def specify(
    template: "Template",
    logical_id: str,
    *,
    python: Path,
    environment: Mapping[str, str],
    timeout: float | None = None,
) -> FunctionSpec:
    """What the template says of a function, and `environment` over its variables."""
    properties = template.properties(logical_id)
    name = template.resolver.name(logical_id)
    variables = properties.get("Environment", {}).get("Variables", {})
    logging: Mapping[str, Any] = properties.get("LoggingConfig", {})
    return FunctionSpec(
        name=name,
        arn=template.resolver.attribute(logical_id, "Arn"),
        handler=properties["Handler"],
        folder=template.folder(properties["Code"]),
        layers=tuple(_layers(template, properties.get("Layers", []))),
        python=python,
        timeout=timeout or float(properties.get("Timeout", _LAMBDA_DEFAULT_TIMEOUT)),
        memory=int(properties.get("MemorySize", _LAMBDA_DEFAULT_MEMORY)),
        runtime=properties["Runtime"],
        environment={**{key: _text(value) for key, value in variables.items()}, **environment},
        log_group=logging.get("LogGroup", f"/aws/lambda/{name}"),
        log_format=logging.get("LogFormat", "Text"),
        snap_start=properties.get("SnapStart", {}).get("ApplyOn") == "PublishedVersions",
    )


def name_of(reference: str) -> str:
    """The function that a name or an ARN means, with or without an alias behind it."""
    return reference.rpartition(":function:")[2].partition(":")[0]


def _layers(template: "Template", arns: list[str]) -> list[Path]:
    """The `python` folders of a function's layers.

    A layer without one is built from pinned requirements: its packages are those that the interpreter holds.
    """
    folders = {
        template.resolver.ref(logical_id): template.folder(template.properties(logical_id)["Content"])
        for logical_id in template.of_type("AWS::Lambda::LayerVersion")
    }
    unknown = [arn for arn in arns if arn not in folders]
    if unknown:
        raise TemplateError(f"layers that do not lie beside the template cannot be had here: {', '.join(unknown)}")
    return [folders[arn] / "python" for arn in arns if (folders[arn] / "python").is_dir()]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
