"""The removal core: requests in, calls to providers, an outcome for every pair.

`jobs` holds what is asked and what became of it, `policy` the guardrails, `plan` groups pairs into calls across
requests. `steps` are the calls to make. `judging` says what an answer means (pure: an answer in, outcomes and further
steps out); `comparing` says what the tags on a resource mean, and `confirming` reads back what is carried out later.
`accounts` guards each account's credentials and rate. `engine` runs it all within the time there is.
Nothing here reads the environment, a clock or a random source but by injection.
"""

from untag.core.accounts import (
    Accounts,
    CredentialsMissingError,
    CredentialSource,
    CredentialsUnavailableError,
    Observer,
    Rate,
)
from untag.core.engine import Deadline, Engine
from untag.core.jobs import Job
from untag.core.plan import conflicting, open_job
from untag.core.policy import Policy
from untag.core.reporting import FollowUp, failed_requests, kept_requests, remainder, report, warnings_of
from untag.core.timing import Timing

__all__ = [
    "Accounts",
    "CredentialSource",
    "CredentialsMissingError",
    "CredentialsUnavailableError",
    "Deadline",
    "Engine",
    "FollowUp",
    "Job",
    "Observer",
    "Policy",
    "Rate",
    "Timing",
    "conflicting",
    "failed_requests",
    "kept_requests",
    "open_job",
    "remainder",
    "report",
    "warnings_of",
]
