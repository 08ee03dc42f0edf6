"""The notice: a report that is not about pairs, but says what became of an event or of a sweep."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from untag.contracts.identities import identity


class Notice(BaseModel):
    """What became of a decommission event of which not everything was requested, or of a sweep.

    `code` and `reason` say why; `counts` and `details` are the kind's own. `report_id` is the same for the same facts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["decommission", "sweep"]
    report_id: str
    id: str
    batch: str | None = None
    provider: str | None
    account: str | None
    region: str | None
    status: Literal["skipped", "succeeded", "partial", "failed"]
    code: str | None
    reason: str | None
    dry_run: bool
    counts: dict[str, int]
    details: list[dict[str, Any]]
    started_at: str
    finished_at: str
    summary: str

    @classmethod
    def of(cls, **facts: Any) -> "Notice":
        """A notice with the id that follows from its facts; times and texts are none."""
        identifying = {
            name: facts[name] for name in ("kind", "id", "provider", "account", "region", "status", "code", "counts")
        }
        return cls(report_id=identity(identifying), **facts)

    def attributes(self) -> dict[str, str]:
        """What subscribers filter by."""
        filters = {
            "kind": self.kind,
            "provider": self.provider,
            "account": self.account,
            "status": self.status,
            "batch": self.batch,
        }
        return {**{name: value for name, value in filters.items() if value}, "id": self.id}
