"""What was asked, what was reported and what happened at the clouds, compared without any code of the functions."""

from local.audit.audit import Audit

__all__ = ["Audit"]
