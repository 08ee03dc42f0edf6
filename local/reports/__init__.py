"""Reports: read out of what they were kept in, counted by pair, and turned into the requests that undo them."""

from local.reports.reading import Report, reports_of

__all__ = ["Report", "reports_of"]
