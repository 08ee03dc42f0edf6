"""Our signature over the requests that Volcengine's two official signers have signed."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests_made as made

from untag.providers.volcengine.credentials import VolcengineCredentials
from untag.providers.volcengine.signing import HMAC_SHA256, VolcengineAuth

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "volcengine.json").read_text(encoding="utf-8"))
SIGNED = [one for one in VECTORS if " " not in one["url"]]
"""A blank in a path is sent as %20 by httpx, and no call of ours has one."""
MOMENT = 1_767_225_600  # 2026-01-01T00:00:00Z, which all of them are signed at


@pytest.mark.parametrize("vector", SIGNED, ids=[one["name"] for one in SIGNED])
def test_a_request_has_the_signature_that_the_official_signers_give_it(vector: Any) -> None:
    key = VolcengineCredentials(
        access_key=vector["access_key"], secret_key=vector["secret"], security_token=vector["token"]
    )
    auth = VolcengineAuth(HMAC_SHA256, key, region=vector["region"], service=vector["service"], clock=lambda: MOMENT)
    headers = {
        name: value
        for name, value in vector["headers"].items()
        if name not in {"X-Date", "X-Content-Sha256", "X-Security-Token"}
    }
    request = httpx.Request(vector["method"], vector["url"], content=vector["body"].encode(), headers=headers)
    signed = made.signed(auth, request)
    assert signed["authorization"] == vector["authorization"]
    for name in ("X-Date", "X-Content-Sha256", "X-Security-Token"):
        assert signed.get(name.lower()) == vector["headers"].get(name)
