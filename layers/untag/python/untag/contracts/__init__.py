"""The messages that untag receives and sends, as frozen values.

`requests` and `envelopes` are received; `reports`, `outcomes`, `notices` and `rejections` are sent; `identities` makes
the ids of reports; `problems` is what is wrong with an input.
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
