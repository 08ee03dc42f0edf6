"""What comes in and what goes out, as frozen values.

`requests` and `envelopes` are the way in, `outcomes` and `reports` the way out; `problems` is what is wrong with an
input.
"""

from untag.contracts.envelopes import parse_json, traceparent_of, unwrap
from untag.contracts.outcomes import Deferral, Outcome, Result
from untag.contracts.problems import InvalidInputError, Problem
from untag.contracts.reports import Page, Report, Row, report_pages
from untag.contracts.requests import ALL, Action, RemovalRequest, ResourceGroup, Tag, parse_requests

__all__ = [
    "ALL",
    "Action",
    "Deferral",
    "InvalidInputError",
    "Outcome",
    "Page",
    "Problem",
    "RemovalRequest",
    "Report",
    "ResourceGroup",
    "Result",
    "Row",
    "Tag",
    "parse_json",
    "parse_requests",
    "report_pages",
    "traceparent_of",
    "unwrap",
]
