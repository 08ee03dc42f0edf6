"""Volcengine: its credentials, and its one tag API, that of the central tag service."""

from untag.providers.volcengine.tag import VolcengineTag

APIS = (VolcengineTag,)
