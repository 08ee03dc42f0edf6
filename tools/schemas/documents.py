"""Every event in and out as a JSON Schema of draft 2020-12, in what that draft and draft 07 have in common.

A document's version is the last part of its `$id`. It steps where a change could break somebody: what comes in would be
refused that was taken before, or what goes out would no longer be what it was said to be. `changes` finds it, and
`page` says what it is and what to do.
"""

from dataclasses import dataclass
from typing import Any, Literal

from tools.schemas import incoming, outgoing
from tools.schemas.models import request
from untag.contracts.envelopes import DETAIL_TYPE
from untag.decommission.events import DETAIL_TYPE as DECOMMISSIONED

Json = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"

Direction = Literal["in", "out"]


@dataclass(frozen=True)
class Document:
    """One schema. `schema` has no `$schema` and no `$id`; `title` is the event's name in words."""

    name: str
    version: int
    direction: Direction
    title: str
    schema: Json

    @property
    def urn(self) -> str:
        """The `$id`: a name, not an address, so that nothing depends on a host."""
        return f"urn:untag:schema:{self.name}:{self.version}"

    def whole(self) -> Json:
        """The document as it stands in its file."""
        return {"$schema": DRAFT, "$id": self.urn, "title": self.title, **self.schema}


def documents() -> tuple[Document, ...]:
    """Every document, what comes in first."""
    removal, gone, swept = (
        incoming.message_definitions(),
        incoming.decommission_definitions(),
        incoming.sweep_definitions(),
    )
    without = {
        name: part
        for name, part in gone.items()
        if name in ("Decommissioned", "DecommissionEvent", "ResourceGroup", "TagInput")
    }
    return (
        Document("removal-request", 2, "in", "Removal request", request()),
        Document("removal-request-list", 2, "in", "List of removal requests", incoming.root_list()),
        Document("removal-event", 2, "in", DETAIL_TYPE, incoming.root(removal, "RemovalEvent")),
        Document(
            "removal-notification", 2, "in", "Removal request by SNS", incoming.root(removal, "RemovalNotification")
        ),
        Document("removal-message", 2, "in", "Body on the work queue", incoming.root(removal, "RemovalMessage")),
        Document("decommission-event", 2, "in", DECOMMISSIONED, incoming.root(without, "DecommissionEvent")),
        Document(
            "decommission-message",
            2,
            "in",
            "Body on the decommission queue",
            incoming.root(gone, "DecommissionMessage"),
        ),
        Document("sweep", 2, "in", "Sweep", incoming.sweep()),
        Document("sweep-message", 2, "in", "Body on the sweep queue", incoming.root(swept, "SweepMessage")),
        Document("removal-report", 2, "out", "Removal report", outgoing.report()),
        Document("rejected-report", 1, "out", "Report of a rejected body", outgoing.rejected_report()),
        Document("decommission-notice", 1, "out", "Notice of a decommission event", outgoing.decommission_notice()),
        Document("sweep-notice", 1, "out", "Notice of a sweep", outgoing.sweep_notice()),
        Document("removal-answer", 2, "out", "Answer of a removal by hand", outgoing.answer()),
        Document("decommission-answer", 1, "out", "Answer of a decommission by hand", outgoing.decommission_answer()),
        Document("sweep-answer", 2, "out", "Answer of a sweep by hand", outgoing.sweep_answer()),
        Document("invocation-error", 1, "out", "Error of an invocation by hand", outgoing.invocation_error()),
        Document("dead-letter", 1, "out", "Dead letter", outgoing.dead_letter()),
        Document("remainder", 4, "out", "Remainder", outgoing.remainder()),
    )
