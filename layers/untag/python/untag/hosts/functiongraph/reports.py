"""Reports that are kept in the bucket, so that it can be asked later what a batch has come to.

reports/<batch>/<digest>     a report, as it was published
requests/<batch>/<digest>    requests in lines, as they were sent: a batch is known before its first report

A report without a batch stands under its request's id.
"""

import hashlib

from untag.contracts import InvalidInputError, parse_json
from untag.hosts.functiongraph.obs import Obs
from untag.hosts.functiongraph.queues import id_for

REPORTS = "reports"
REQUESTS = "requests"

_DIGEST = 40


def folder(kind: str, batch: str) -> str:
    """What the keys of a batch begin with."""
    return f"{kind}/{id_for(batch)}/"


async def keep(obs: Obs, text: str) -> None:
    """Keep a report; the same one twice is kept once. Raises HuaweiError."""
    try:
        report = parse_json(text)
    except InvalidInputError:
        return
    batch = report.get("batch") or report.get("id") if isinstance(report, dict) else None
    if isinstance(batch, str):
        await keep_text(obs, folder(REPORTS, batch), text)


async def keep_text(obs: Obs, prefix: str, text: str) -> None:
    """Keep a text under a name that follows from it. Raises HuaweiError."""
    digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:_DIGEST]
    await obs.put(f"{prefix}{digest}", text)
