"""From a body to jobs: unwrapped, validated, checked against its cloud's rules and against itself."""

from typing import Any

from untag.contracts import InvalidInputError, Problem, parse_requests, unwrap
from untag.core import Job, Policy, conflicting, open_job
from untag.providers import Registry


def open_jobs(
    payload: Any, own_id: str, registry: Registry, policy: Policy, *, now: float, traceparent: str | None = None
) -> list[Job]:
    """The jobs of a body or of a payload; `own_id` names the requests that have no id of their own.

    `traceparent` is the trace of what carried it here; an envelope's own goes before it.

    All of its requests or none: raises InvalidInputError if one of them is not valid.
    """
    unwrapped = unwrap(payload, own_id)
    requests = parse_requests(unwrapped.payload, unwrapped.id)
    requests = registry.checked(requests, listed=isinstance(unwrapped.payload, list))
    jobs = [open_job(request, registry, policy, now=now) for request in requests]
    for job in jobs:
        job.traceparent = unwrapped.traceparent or traceparent
    if contradicting := conflicting(jobs):
        raise InvalidInputError(
            Problem(str(jobs.index(job)), "contradicts an earlier request of the list") for job in contradicting
        )
    return jobs
