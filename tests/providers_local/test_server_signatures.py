"""The verifiers, against recorded vectors that the vendors' own signers made."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.providers.accounts import Account
from local.providers.huaweicloud_signature import HuaweicloudVerifier
from local.providers.huaweicloud_signature import SignatureError as HuaweicloudError
from local.providers.jdcloud_signature import JdcloudVerifier
from local.providers.jdcloud_signature import SignatureError as JdcloudError
from local.providers.wire import Request

VECTORS = Path(__file__).parents[1] / "vectors"
JDCLOUD = json.loads((VECTORS / "jdcloud.json").read_text(encoding="utf-8"))
HUAWEICLOUD = json.loads((VECTORS / "huaweicloud.json").read_text(encoding="utf-8"))
JD_TOKEN = "FAKE-SESSION-TOKEN-0001"


def moment(stamp: str) -> float:
    return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


def request_of(vector: Mapping[str, Any]) -> Request:
    _, _, rest = vector["url"].partition("://")
    host, _, target = rest.partition("/")
    headers = vector.get("output_headers") or {**vector["headers"], "Authorization": vector["authorization"]}
    lowered = {name.lower(): value for name, value in headers.items()} | {"host": host}
    return Request(vector["method"], f"/{target}", tuple(lowered.items()), vector["body"].encode())


def jd_verifier(vector: Mapping[str, Any], **options: Any) -> JdcloudVerifier:
    token = JD_TOKEN if vector["security_token"] else None
    account = Account(vector["secret_key"], security_token=token)
    options = {"clock": lambda: moment(vector["date"]), **options}
    return JdcloudVerifier({vector["access_key"]: account}, **options)


def hw_verifier(vector: Mapping[str, Any], **options: Any) -> HuaweicloudVerifier:
    account = Account(
        vector["secret_key"],
        security_token=vector["security_token"],
        domain_id=HUAWEICLOUD["domain_id"],
    )
    options = {"clock": lambda: moment(vector["date"]), **options}
    return HuaweicloudVerifier({vector["access_key"]: account}, **options)


def changed(request: Request, header: str, value: str | None) -> Request:
    headers = tuple((name, old) for name, old in request.headers if name != header)
    if value is not None:
        headers += ((header, value),)
    return Request(request.method, request.target, headers, request.body)


def spoilt(request: Request) -> list[Request]:
    """The request with one thing changed, each time another."""
    authorization = request.header("authorization") or ""
    flipped = authorization[:-1] + ("0" if authorization[-1] != "0" else "1")
    path, _, query = request.target.partition("?")
    return [
        Request("PUT", request.target, request.headers, request.body),
        Request(request.method, f"{path}x" + (f"?{query}" if query else ""), request.headers, request.body),
        Request(request.method, f"{path}?{query}&extra=1", request.headers, request.body),
        Request(request.method, request.target, request.headers, request.body + b" "),
        changed(request, "content-type", "text/plain"),
        changed(request, "host", "elsewhere.example.com"),
        changed(request, "authorization", flipped),
    ]


@pytest.mark.parametrize("vector", JDCLOUD["vectors"], ids=lambda vector: vector["name"])
def test_what_the_jdcloud_sdk_signed_is_accepted(vector: dict[str, Any]) -> None:
    assert jd_verifier(vector).verify(request_of(vector)).secret_key == vector["secret_key"]


@pytest.mark.parametrize("vector", JDCLOUD["vectors"], ids=lambda vector: vector["name"])
def test_a_changed_jdcloud_request_is_refused(vector: dict[str, Any]) -> None:
    for request in spoilt(request_of(vector)):
        with pytest.raises(JdcloudError, match="sign result is not same"):
            jd_verifier(vector).verify(request)


def test_every_byte_of_a_jdcloud_body_counts() -> None:
    vector = JDCLOUD["vectors"][0]
    request = request_of(vector)
    for place in range(len(request.body)):
        body = bytearray(request.body)
        body[place] ^= 1
        with pytest.raises(JdcloudError, match="sign result is not same"):
            jd_verifier(vector).verify(Request(request.method, request.target, request.headers, bytes(body)))


def test_a_colon_in_a_jdcloud_path_may_be_encoded_on_the_wire() -> None:
    vector = JDCLOUD["vectors"][0]
    request = request_of(vector)
    target = request.target.replace(":", "%3A")
    assert jd_verifier(vector).verify(Request(request.method, target, request.headers, request.body))


@pytest.mark.parametrize(
    ("header", "value", "words"),
    [
        ("authorization", None, "lack of header authorization"),
        ("authorization", "JDCLOUD3-HMAC-SHA256 nothing", "lack of credential in the header authorization"),
        ("authorization", "JDCLOUD3-HMAC-SHA256 Credential=a/20251015/b/c/d", "lack of header signedHeaders"),
        ("x-jdcloud-date", None, "lack of header x-jdcloud-date"),
        ("x-jdcloud-date", "20251015T103000Z", "Invalid authentication credentials"),
        ("x-jdcloud-nonce", None, "Invalid authentication credentials"),
    ],
)
def test_jdcloud_says_what_is_missing(header: str, value: str | None, words: str) -> None:
    vector = JDCLOUD["vectors"][0]
    with pytest.raises(JdcloudError, match=words):
        jd_verifier(vector).verify(changed(request_of(vector), header, value))


def test_an_unknown_jdcloud_key_is_called_invalid() -> None:
    vector = JDCLOUD["vectors"][0]
    verifier = jd_verifier(vector)
    verifier.credentials = {}
    with pytest.raises(JdcloudError, match="Invalid accessKey"):
        verifier.verify(request_of(vector))


def test_a_jdcloud_token_must_be_the_accounts_own() -> None:
    vector = next(vector for vector in JDCLOUD["vectors"] if vector["security_token"])
    verifier = jd_verifier(vector)
    verifier.credentials = {vector["access_key"]: Account(vector["secret_key"], security_token="another")}
    with pytest.raises(JdcloudError):
        verifier.verify(request_of(vector))
    verifier.credentials = {vector["access_key"]: Account(vector["secret_key"])}
    with pytest.raises(JdcloudError):
        verifier.verify(request_of(vector))


def test_a_jdcloud_nonce_is_good_once_unless_told_otherwise() -> None:
    vector = JDCLOUD["vectors"][0]
    strict, lenient = jd_verifier(vector), jd_verifier(vector, refuse_replays=False)
    for verifier in (strict, lenient, lenient):
        assert verifier.verify(request_of(vector))
    with pytest.raises(JdcloudError):
        strict.verify(request_of(vector))


@pytest.mark.parametrize(("late", "good"), [(-901, False), (-899, True), (899, True), (901, False)])
def test_a_date_may_be_a_quarter_of_an_hour_off(late: float, good: bool) -> None:
    jd, hw = JDCLOUD["vectors"][0], HUAWEICLOUD["vectors"][0]
    jd_check = jd_verifier(jd, clock=lambda: moment(jd["date"]) + late)
    hw_check = hw_verifier(hw, clock=lambda: moment(hw["date"]) + late)
    if good:
        assert jd_check.verify(request_of(jd))
        assert hw_check.verify(request_of(hw))
    else:
        with pytest.raises(JdcloudError):
            jd_check.verify(request_of(jd))
        with pytest.raises(HuaweicloudError, match="signature expired"):
            hw_check.verify(request_of(hw))


@pytest.mark.parametrize("vector", HUAWEICLOUD["vectors"], ids=lambda vector: vector["name"])
def test_what_the_huaweicloud_sdk_signed_is_accepted(vector: dict[str, Any]) -> None:
    assert hw_verifier(vector).verify(request_of(vector)).secret_key == vector["secret_key"]


@pytest.mark.parametrize("vector", HUAWEICLOUD["vectors"], ids=lambda vector: vector["name"])
def test_a_changed_huaweicloud_request_is_refused_with_what_was_signed(vector: dict[str, Any]) -> None:
    for request in spoilt(request_of(vector)):
        with pytest.raises(HuaweicloudError, match=r"verify aksk signature fail, canonicalRequest:\w+\|/"):
            hw_verifier(vector).verify(request)


def test_a_huaweicloud_key_is_locked_after_more_than_five_failures_in_a_row() -> None:
    vector = HUAWEICLOUD["vectors"][0]
    now = moment(vector["date"])
    verifier = hw_verifier(vector, clock=lambda: now)
    wrong = Request("POST", "/elsewhere", request_of(vector).headers)
    for _ in range(5):
        with pytest.raises(HuaweicloudError, match="verify aksk"):
            verifier.verify(wrong)
    assert verifier.verify(request_of(vector)), "five are not yet too many, and a success starts again"
    for _ in range(6):
        with pytest.raises(HuaweicloudError, match="verify aksk"):
            verifier.verify(wrong)
    with pytest.raises(HuaweicloudError, match="AK access failed to reach the limit, forbidden"):
        verifier.verify(request_of(vector))
    now += 301
    assert verifier.verify(request_of(vector))


@pytest.mark.parametrize(
    "other",
    [{"domain_id": "another"}, {"security_token": "another"}],
    ids=["domain", "token"],
)
def test_a_huaweicloud_request_must_name_its_account(other: dict[str, str]) -> None:
    vector = HUAWEICLOUD["vectors"][0]
    verifier = hw_verifier(vector)
    verifier.credentials = {vector["access_key"]: Account(**{"secret_key": vector["secret_key"], **other})}
    with pytest.raises(HuaweicloudError):
        verifier.verify(request_of(vector))


def test_a_huaweicloud_payload_may_be_left_unsigned_only_under_the_signature() -> None:
    vector = HUAWEICLOUD["vectors"][0]
    request = changed(request_of(vector), "x-sdk-content-sha256", "UNSIGNED-PAYLOAD")
    assert hw_verifier(vector).verify(request), "not signed: the body's own hash counts"
    with pytest.raises(HuaweicloudError):
        hw_verifier(vector).verify(Request(request.method, request.target, request.headers, b"{}"))
