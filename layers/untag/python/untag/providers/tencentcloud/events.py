"""What Tencent Cloud's events say, as its EventBridge brings them: CloudAudit's records of deletions.

Facts from the documentation's pages "CloudAudit event" (1108/46246) and "Event fields" (1021/40499). They show no whole
record, and leave open:

- Whether `requestParameters` is an object or a JSON text: both are read.
- Whose number `userIdentity.accountId` is: it is taken for the owner's uin, and `UNTAG_ACCOUNTS` has to map it.
- `resource` names the rule that brought the event, and `subject` any resource: neither is taken for what was deleted.

`time` is a number of milliseconds, which is no CloudEvents time; nothing here needs it.
"""

import re
from collections.abc import Mapping
from typing import Any

from untag.contracts import InvalidInputError
from untag.contracts.envelopes import id_of
from untag.providers.events import Events, Gone, Ignored, object_in, shown_in, text_in
from untag.providers.tencentcloud.deletions import BEGINNINGS, DELETIONS, failed, ids_in
from untag.providers.tencentcloud.names import name_of_id

_TENCENT = "tencentcloud"
_SOURCE = ".cloud.tencent"
_TYPE = re.compile(r"([a-z0-9_-]+):CloudEvent:(?:ApiCall|ConsoleCall|MiniProgramCall)")


def cloudaudit(event: Mapping[str, Any], own_id: str) -> Gone | Ignored | None:
    """A record of a call: a deletion that went well."""
    kind = _TYPE.fullmatch(text_in(event, "type") or "")
    if kind is None or not (text_in(event, "source") or "").endswith(_SOURCE):
        return None
    log = object_in(event, "data")
    event_id = id_of(event, "id", own_id)
    if (name := text_in(log, "eventName")) is None:
        raise InvalidInputError.of("Input should be a text", "data.eventName")
    shown = f"CloudAudit {kind[1]} {shown_in(log, 'eventName')}"
    if (why := _why_not(log, (kind[1], name))) is not None:
        return Ignored(event_id, _TENCENT, why[0], f"{shown}: {why[1]}")
    deletion = DELETIONS[kind[1], name]
    try:
        ids = ids_in(object_in(log, "requestParameters"), deletion)
    except InvalidInputError as error:
        raise error.under("data") from None
    if not ids:
        return Ignored(event_id, _TENCENT, "no_resource", f"{shown}: the record names no resource that it deletes")
    region = text_in(log, "eventRegion") or text_in(event, "region")
    if region is None:
        raise InvalidInputError.of("Field required", "data.eventRegion")
    number = _number(log)
    return Gone(
        event_id=event_id,
        provider=_TENCENT,
        domain_id=number,
        region=region,
        resources={deletion.type: [name_of_id(deletion.type, id_, region, number) if number else id_ for id_ in ids]},
        reason=shown,
    )


def _why_not(log: Mapping[str, Any], operation: tuple[str, str]) -> tuple[str, str] | None:
    """Why a record does not mean that a resource is gone: a code, a reason."""
    if operation in BEGINNINGS:
        return "not_done", "the resource waits in the recycle bin"
    if operation not in DELETIONS:
        return "no_deletion", "it deletes nothing that is known"
    if log.get("actionType", "Write") != "Write":
        return "no_deletion", "it is no call that changes anything"
    return ("not_done", "the call failed") if failed(log) else None


def _number(log: Mapping[str, Any]) -> str | None:
    """The uin of the account, which some records have as a number."""
    identity = log.get("userIdentity")
    found = identity.get("accountId") if isinstance(identity, Mapping) else None
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) and found else None


EVENTS = Events((cloudaudit,))
