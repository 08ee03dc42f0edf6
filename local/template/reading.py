"""Reads a SAM template as it is, and says what the local stack is to create from it.

The template is transformed by aws-sam-translator, the same code that CloudFormation runs, and resolved
afterwards. So the topology stands in one place: the template.
"""

import copy
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.errors import TemplateError
from local.template.known import CREATED, LEFT_OUT
from local.template.resolve import Resolver

_TRANSFORM = "AWS::Serverless-2016-10-31"
# The property of a SAM resource that names a folder beside the template.
_FOLDERS = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}
_FUNCTION = "AWS::Serverless::Function"
_APPLICATION = "AWS::Serverless::Application"
# The bucket name that stands for "a folder on this machine" while the translator works on the template.
_BUCKET = "local"


@dataclass(frozen=True)
class Template:
    """A template after its transform, with its conditions decided and its parameters known."""

    resources: Mapping[str, str]
    """Logical ids and types of what is to be created, in the template's order."""
    resolver: Resolver
    outputs: Mapping[str, Any]
    folders: Mapping[str, Path]
    """The folder of each function's and layer's code, by the key that stands in the transformed template."""
    applications: "Mapping[str, Template]" = field(default_factory=dict)
    """The nested applications that stand in a file beside the template, by logical id."""

    def of_type(self, kind: str) -> list[str]:
        """The logical ids of one type."""
        return [logical_id for logical_id, type_ in self.resources.items() if type_ == kind]

    def properties(self, logical_id: str) -> dict[str, Any]:
        """The resolved properties of a resource."""
        return self.resolver.properties(logical_id)

    def output_values(self) -> dict[str, Any]:
        """The template's outputs, resolved."""
        return {
            name: self.resolver.value(output.get("Value"))
            for name, output in self.outputs.items()
            if "Condition" not in output or self.resolver.condition(output["Condition"])
        }

    def queues(self) -> tuple[dict[str, str], set[str]]:
        """The queues' names by logical id, and the names of those that are for dead letters."""
        names = {logical_id: self.resolver.name(logical_id) for logical_id in self.of_type("AWS::SQS::Queue")}
        arns = [self.properties(queue).get("RedrivePolicy", {}).get("deadLetterTargetArn", "") for queue in names]
        targets = [
            target for rule in self.of_type("AWS::Events::Rule") for target in self.properties(rule).get("Targets", [])
        ]
        targets += [self.properties(schedule)["Target"] for schedule in self.of_type("AWS::Scheduler::Schedule")]
        arns += [target.get("DeadLetterConfig", {}).get("Arn", "") for target in targets]
        return names, {arn.rpartition(":")[2] for arn in arns} & set(names.values())

    def folder(self, location: Mapping[str, Any]) -> Path:
        """The folder that a function's `Code` or a layer's `Content` stands for."""
        key = location.get("S3Key")
        if location.get("S3Bucket") != _BUCKET or key not in self.folders:
            raise TemplateError(
                f"code that does not lie in a folder beside the template cannot be run here: {dict(location)}"
            )
        return self.folders[str(key)]


@dataclass(frozen=True)
class Transformed:
    """A template after its transform, with nothing decided."""

    document: dict[str, Any]
    parameters: dict[str, Any]
    """The parameters' values."""
    folders: dict[str, Path]
    """The folder of each function's and layer's code, by logical id."""
    applications: dict[str, Path]
    """The file of each nested application, by logical id."""


def read(path: Path, *, stack: str, region: str, parameters: Mapping[str, str]) -> Template:
    """Reads, transforms and resolves a template; what it does not know is refused by name."""
    transformed = transform(path, region=region, parameters=parameters)
    document = transformed.document
    resolver = Resolver(document, stack=stack, region=region, parameters=transformed.parameters)
    resources: dict[str, str] = {}
    applications: dict[str, Template] = {}
    for logical_id, resource in document["Resources"].items():
        if "Condition" in resource and not resolver.condition(resource["Condition"]):
            continue
        if logical_id in transformed.applications:
            nested = _read_application(transformed.applications[logical_id], logical_id, stack, region, resolver)
            resolver.outputs_of[logical_id] = nested.output_values()
            applications[logical_id] = nested
            continue
        kind = resource["Type"]
        if kind in LEFT_OUT:
            continue
        if kind not in CREATED:
            raise TemplateError(
                f"{logical_id} is of type {kind}, which the local stack does not know",
                "teach it in local/template/known.py: create it, or list it under LEFT_OUT with the reason",
            )
        unknown = sorted(set(resource.get("Properties", {})) - CREATED[kind])
        if unknown:
            raise TemplateError(f"{logical_id} has {', '.join(unknown)}, which the local stack does not know")
        resources[logical_id] = kind
    return Template(resources, resolver, document.get("Outputs", {}), transformed.folders, applications)


def _read_application(path: Path, logical_id: str, stack: str, region: str, resolver: Resolver) -> Template:
    """A nested application, with the parameters that the template hands over. Nothing of it may need creating here."""
    given: Mapping[str, Any] = resolver.properties(logical_id).get("Parameters", {})
    nested = read(path, stack=f"{stack}-{logical_id}", region=region, parameters={k: str(v) for k, v in given.items()})
    if nested.resources:
        names = ", ".join(f"{name} ({kind})" for name, kind in nested.resources.items())
        raise TemplateError(
            f"{path.name}: {names} cannot be created here, in a nested application",
            "a queue, topic, bus or function belongs in the template itself",
        )
    return nested


def transform(path: Path, *, region: str, parameters: Mapping[str, str]) -> Transformed:
    """The template after its transform."""
    source = _parse(path)
    folders = _name_folders(source, path.parent)
    applications = _applications(source, path.parent)
    values = _parameters(source.get("Parameters", {}), parameters)
    return Transformed(_transform(source, values, region), values, folders, applications)


def _parse(path: Path) -> dict[str, Any]:
    # Imported here, and not at the top: `--help` and the commands for a running stack need none of it.
    from samtranslator.yaml_helper import yaml_parse  # noqa: PLC0415

    try:
        source: dict[str, Any] = yaml_parse(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise TemplateError(f"there is no template at {path}", "run from the project's folder") from None
    except ValueError as error:
        raise TemplateError(f"{path} is not a template: {error}") from None
    if not isinstance(source, dict) or not source.get("Resources"):
        raise TemplateError(f"{path} is not a template: it has no Resources")
    transforms = source.get("Transform", [])
    others = [name for name in ([transforms] if isinstance(transforms, str) else transforms) if name != _TRANSFORM]
    if others:
        raise TemplateError(f"the local stack does not know the transform {', '.join(others)}")
    return source


def _name_folders(source: dict[str, Any], base: Path) -> dict[str, Path]:
    """Replaces every local code folder by a made-up object key, which is all that the translator takes."""
    folders: dict[str, Path] = {}
    shared = source.get("Globals", {}).get("Function", {})
    shared_folder = shared.pop("CodeUri", None)
    for logical_id, resource in source["Resources"].items():
        name = _FOLDERS.get(resource.get("Type", ""))
        if name is None:
            continue
        properties = resource.setdefault("Properties", {})
        given = properties.get(name, shared_folder if resource["Type"] == _FUNCTION else None)
        folder = base / str(given)
        if not isinstance(given, str) or not folder.is_dir():
            raise TemplateError(f"{logical_id}: {name} is not a folder beside the template: {given}")
        folders[logical_id] = folder.resolve()
        properties[name] = f"s3://{_BUCKET}/{logical_id}"
    return folders


def _applications(source: Mapping[str, Any], base: Path) -> dict[str, Path]:
    """The files of the nested applications."""
    files = {}
    for logical_id, resource in source["Resources"].items():
        if resource.get("Type") != _APPLICATION:
            continue
        location = resource.get("Properties", {}).get("Location")
        if not isinstance(location, str) or not (base / location).is_file():
            raise TemplateError(f"{logical_id}: Location is not a template beside this one: {location}")
        files[logical_id] = base / location
    return files


def _parameters(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise TemplateError(f"the template has no parameter {', '.join(unknown)}")
    values: dict[str, Any] = {}
    for name, declaration in declared.items():
        if name not in given and "Default" not in declaration:
            raise TemplateError(f"parameter {name} has no default and was given no value")
        value = str(given.get(name, declaration.get("Default")))
        kind = str(declaration.get("Type", "String"))
        is_list = kind.startswith("List<") or kind == "CommaDelimitedList"
        parts = [part.strip() for part in value.split(",")] if is_list else [value]
        if kind.startswith("AWS::SSM::"):
            raise TemplateError(f"parameter {name} is read from a parameter store, which is not here")
        pattern, allowed = declaration.get("AllowedPattern"), declaration.get("AllowedValues")
        if pattern is not None and not all(re.fullmatch(str(pattern), part) for part in parts):
            raise TemplateError(f"parameter {name}: {value!r} does not match {pattern}")
        if allowed is not None and value not in map(str, allowed):
            raise TemplateError(f"parameter {name}: {value!r} is none of {', '.join(map(str, allowed))}")
        values[name] = parts if is_list else value
    return values


def _transform(source: dict[str, Any], parameters: Mapping[str, Any], region: str) -> dict[str, Any]:
    import boto3  # type: ignore[import-untyped]  # noqa: PLC0415
    from samtranslator.model.exceptions import InvalidDocumentException  # noqa: PLC0415
    from samtranslator.parser.parser import Parser  # noqa: PLC0415
    from samtranslator.translator.translator import Translator  # noqa: PLC0415

    # Its metrics and toggles warn that they were not published and not configured.
    for name in ("metrics", "feature_toggle"):
        logging.getLogger(f"samtranslator.{name}").setLevel(logging.ERROR)
    # The session only tells the translator the region; no credentials are asked for and nothing is called.
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=region))
    try:
        transformed: dict[str, Any] = translator.translate(copy.deepcopy(source), dict(parameters))
    except InvalidDocumentException as error:
        reasons = "; ".join(cause.message for cause in error.causes) or error.message
        raise TemplateError(f"the template is not valid: {reasons}") from None
    return transformed
