"""Build hook of the wheel: adds the template for the local stack, and the files that the template names.

An editable installation needs no copy of them: it finds the project's files where they are.
"""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PROJECT = "local/project"
_FILES = ("template.yaml", "observability.yaml", "events", "functions", "layers", "deploy/functiongraph/code")


class ProjectFiles(BuildHookInterface[Any]):
    """Adds the project's files to a wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a wheel is built; `version` is what kind of one."""
        if version != "editable":
            build_data["force_include"] |= {name: f"{_PROJECT}/{name}" for name in _FILES}
