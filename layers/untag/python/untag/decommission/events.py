"""What an event says: ours, or a vendor's, whatever envelopes it comes in.

A vendor's event is understood in its provider's folder. The providers' modules are imported when the first event comes
that is not ours.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from untag.contracts import InvalidInputError, Tag
from untag.contracts.envelopes import Layer, id_of, layers
from untag.contracts.problems import Problem, problems_of
from untag.contracts.requests import Account, Batch, Project, Region, ResourceGroup, TagInput
from untag.providers import events_by_name
from untag.providers.events import Gone, Ignored, Message, Said, Unreadable, shown_in, text_in

__all__ = ["DETAIL_TYPE", "Gone", "Ignored", "Said", "Unreadable", "read"]

DETAIL_TYPE = "Resource Decommissioned"


def read(body: Any, own_id: str) -> list[Said]:
    """Everything that a body says, out of whatever envelopes it is in; `own_id` is the id of what carried it.

    Raises InvalidInputError if something in it cannot be read, or if it is of no known kind.
    """
    cloud_event: Layer | None = None
    layer = Layer(None, own_id)
    for layer in layers(body, own_id):
        if (ours := _own(layer)) is not None:
            return [ours]
        event = layer.payload
        if isinstance(event, list) and (each := _listed(event, layer.id)) is not None:
            return each
        if not isinstance(event, Mapping):
            break
        if (said := _vendors(event, layer.id)) is not None:
            return said
        if "specversion" in event:
            cloud_event = layer
    if not isinstance(layer.payload, Mapping):
        raise InvalidInputError.of("should be an event: a JSON object", layer.field)
    if cloud_event is None:
        raise InvalidInputError.of("is no event of a kind that is understood")
    return [_unknown(cloud_event)]


def _vendors(event: Mapping[str, Any], own_id: str) -> list[Said] | None:
    """What a vendor's event says, or each of the messages that it holds; None if it is no vendor's."""
    vendors = events_by_name().values()
    for translator in (one for events in vendors for one in events.translators):
        if (said := translator(event, own_id)) is not None:
            return [said]
    for messages_in in (events.messages for events in vendors if events.messages is not None):
        if (messages := messages_in(event, own_id)) is not None:
            return _read_each(messages)
    return None


def _listed(events: list[Any], own_id: str) -> list[Said] | None:
    """What each event of a vendor's list says; None if it is no vendor's list."""
    for listed in (vendors.listed for vendors in events_by_name().values() if events and vendors.listed is not None):
        if (messages := listed(events, own_id)) is not None:
            return _read_each(messages)
    return None


class _Decommissioned(BaseModel):
    """Our own event's detail."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    provider: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    account: Account = "default"
    region: Region | None = None
    project_id: Project | None = None
    batch: Batch | None = None
    resources: Annotated[list[ResourceGroup], Field(min_length=1, fail_fast=True)]
    tags: Annotated[list[TagInput], Field(min_length=1, fail_fast=True)] | None = None
    reason: Annotated[str, StringConstraints(max_length=1024)] | None = None


_DECOMMISSIONED = TypeAdapter(_Decommissioned)


def _own(layer: Layer) -> Gone | None:
    """Our own `Resource Decommissioned`; one with a vendor's event as its detail is that vendor's, in an envelope.

    A CloudEvent may be of any type: it is ours where it names a provider.
    """
    if layer.field not in {"detail", "data", "data_base64"}:
        return None
    detail = layer.payload
    meant = layer.type == DETAIL_TYPE
    names = set(detail) if isinstance(detail, Mapping) else set()
    if meant and names and not {"provider", "resources"} & names:
        return None
    if not meant and (layer.field == "detail" or "provider" not in names):
        return None
    try:
        said = _DECOMMISSIONED.validate_python(detail)
    except ValidationError as error:
        raise InvalidInputError(problem.under(layer.field) for problem in problems_of(error)) from None
    if was := [index for index, tag in enumerate(said.tags or ()) if tag.was is not None]:
        raise InvalidInputError(Problem(f"{layer.field}.tags.{at}.was", "belongs to a remainder") for at in was)
    resources: dict[str, list[str]] = {}
    for group in said.resources:
        resources.setdefault(group.type, []).extend(group.ids)
    return Gone(
        event_id=layer.id,
        provider=said.provider,
        account=said.account,
        region=said.region,
        project_id=said.project_id,
        resources=resources,
        tags=None if said.tags is None else [Tag(tag.key, tag.value) for tag in said.tags],
        reason=said.reason,
        batch=said.batch,
    )


def _read_each(messages: list[Message]) -> list[Said]:
    """What each message says. One that cannot be read takes down none of the others."""
    said: list[Said] = []
    for message in messages:
        try:
            if not isinstance(message.text, str):
                raise InvalidInputError.of("Input should be a text")
            said += [
                replace(one, event=message.event) if isinstance(one, Gone) else one
                for one in read(message.text, message.id)
            ]
        except InvalidInputError as error:
            said.append(Unreadable(message.id, message.event, error.under("message")))
    return said


def _unknown(layer: Layer) -> Ignored:
    """A CloudEvent that could be read to its end, and says nothing of the kind."""
    event = layer.payload
    if event.get("type") == DETAIL_TYPE and event.get("data") is None and event.get("data_base64") is None:
        raise InvalidInputError.of("Field required", "data")
    reason = f"{shown_in(event, 'source')} {shown_in(event, 'type')}: it deletes nothing that is known"
    source = text_in(event, "source") or ""
    providers = (name for name, vendors in events_by_name().items() if source.startswith(vendors.sources or ("\0",)))
    provider = next(providers, None)
    return Ignored(id_of(event, "id", layer.id), provider, "no_deletion", reason)
