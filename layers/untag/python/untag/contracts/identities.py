"""The id of a report: it follows from the facts, so that the same facts have the same id."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def identity(facts: Mapping[str, Any]) -> str:
    """The SHA-256 of the facts as canonical JSON, in hex."""
    return hashlib.sha256(_canonical(facts).encode()).hexdigest()
