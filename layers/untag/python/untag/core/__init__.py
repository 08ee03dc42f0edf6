"""The removal core: requests in, calls to providers, an outcome for every pair.

`jobs` holds what is asked and what became of it, `policy` the guardrails. `plan` groups pairs into calls across
requests; `steps` are the calls. `judging` says what an answer means (pure: outcomes and further steps come out),
`comparing` what the tags on a resource mean; `confirming` reads back what is carried out later. `accounts` guards
credentials and rates. `engine` runs it all within the time there is. Environment, clock and chance are handed in.
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
from untag.core.reporting import FollowUp, failed_requests, kept_requests, remainder, report
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
]
