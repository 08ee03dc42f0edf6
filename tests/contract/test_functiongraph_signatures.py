"""OBS's signature: ours, the vendor's and the one that the local server checks are the same."""

from email.utils import formatdate
from urllib.parse import quote

import functiongraph_vendors  # noqa: F401 - it prepares what the SDK is imported in
import httpx
from hypothesis import given
from hypothesis import strategies as st
from obs import auth as sdk_auth
from obs import convertor
from requests_made import ACCESS_KEYS, CLOCK, received

from local.functiongraph import obs_signature
from local.providers.accounts import Account
from untag.hosts.functiongraph.obs import ObsAuth
from untag.providers.credentials import AccessKey

BUCKET = "untag"
# Keys as the queues have them, and metadata as it is escaped.
KEYS = st.from_regex(r"[A-Za-z0-9_-]{1,12}(/[A-Za-z0-9._-]{1,20}){0,3}", fullmatch=True)
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=30)
SECRETS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)
TOKENS = st.none() | st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=60)
METADATA = st.dictionaries(st.from_regex(r"x-obs-meta-[a-z]{1,8}", fullmatch=True), VALUES, max_size=3)
CALLS = st.sampled_from(
    [
        ("PUT", {}),
        ("GET", {}),
        ("HEAD", {}),
        ("DELETE", {}),
        ("GET", {"prefix": "work/", "marker": "work/1", "max-keys": "1000"}),
        ("POST", {"append": None, "position": "0"}),
    ]
)


def query(arguments: dict[str, str | None]) -> str:
    pairs = [name if value is None else f"{name}={quote(value, safe='')}" for name, value in arguments.items()]
    return "?" + "&".join(pairs) if pairs else ""


@given(CALLS, KEYS, METADATA, ACCESS_KEYS, SECRETS, TOKENS, CLOCK, st.booleans())
def test_our_signature_is_the_vendors_and_the_local_server_takes_it(
    call: tuple[str, dict[str, str | None]],
    key: str,
    metadata: dict[str, str],
    access_key: str,
    secret: str,
    token: str | None,
    clock: int,
    copies: bool,
) -> None:
    method, arguments = call
    listing = "prefix" in arguments
    name = "" if listing else key
    headers = dict(metadata) | ({"content-type": "text/plain"} if method == "PUT" else {})
    if copies and method == "PUT":
        headers["x-obs-copy-source"] = f"/{BUCKET}/other"
    host = f"{BUCKET}.obs.cn-north-4.myhuaweicloud.com"
    url = f"https://{host}/{name}{query(arguments)}"
    request = httpx.Request(method, url, headers=headers)
    signed_query = query(arguments) if "append" in arguments else ""
    keys = AccessKey(access_key=access_key, secret_key=secret, security_token=token)
    ours = ObsAuth(keys, f"/{BUCKET}/{name}{signed_query}", clock=lambda: clock)
    next(ours.auth_flow(request))

    sent = {name: value for name, value in request.headers.items() if name != "authorization"}
    signer = sdk_auth.Authentication(access_key, secret, False, convertor.Adapter("obs"), host, False)
    theirs = signer.doAuth(method, BUCKET, name, arguments, sent)
    assert request.headers["authorization"] == theirs["Authorization"]
    assert request.headers["x-obs-date"] == formatdate(clock, usegmt=True)

    account = Account(secret, token)
    at_the_server = received(request)
    assert obs_signature.verify(at_the_server, BUCKET, {access_key: account}, clock) is account
