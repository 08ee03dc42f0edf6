"""TC3-HMAC-SHA256. It is close to AWS Signature Version 4, and differs where the shared signer has no say.

The scope's date has dashes, what is signed carries seconds since the epoch in place of a date, and there is no region.

Sources: tencentcloud-sdk-python-common 3.1.195 (common/abstract_client.py, sign.py), which signs `content-type` and
`host` alone; the documentation's newer sample signs `x-tc-action` as well, in lower case. Both are taken.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Generator, Mapping

import httpx

from untag.providers.credentials import AccessKey

ALGORITHM = "TC3-HMAC-SHA256"
_SIGNED = ("content-type", "host")


class Tc3Auth(httpx.Auth):
    """Signs each request with a key derived for the day and the service. `clock` gives seconds since the epoch."""

    requires_request_body = True

    def __init__(self, credentials: AccessKey, *, service: str = "tag", clock: Callable[[], float] = time.time) -> None:
        self._credentials = credentials
        self._service = service
        self._clock = clock
        self._derived: tuple[str, bytes] = ("", b"")

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the time, the token and Authorization to the request, then let it go."""
        moment = int(self._clock())
        request.headers["x-tc-timestamp"] = str(moment)
        if self._credentials.security_token is not None:
            request.headers["x-tc-token"] = self._credentials.security_token
        signed = {name: request.headers[name] for name in _SIGNED}
        path, _, query = request.url.raw_path.decode("ascii").partition("?")
        request.headers["authorization"] = self.authorization(
            f"{request.method}\n{path}\n{query}", signed, request.content, moment
        )
        yield request

    def authorization(self, line: str, headers: Mapping[str, str], body: bytes, moment: int) -> str:
        """The Authorization header's value. `line` is method, path and query; `headers` are those that are signed."""
        day = time.strftime("%Y-%m-%d", time.gmtime(moment))
        scope = f"{day}/{self._service}/tc3_request"
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        canonical = f"{line}\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        to_sign = f"{ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.new(self._key(day), to_sign.encode(), hashlib.sha256).hexdigest()
        credential = f"Credential={self._credentials.access_key}/{scope}"
        return f"{ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"

    def _key(self, day: str) -> bytes:
        if self._derived[0] != day:
            key = f"TC3{self._credentials.secret_key}".encode()
            for part in (day, self._service, "tc3_request"):
                key = hmac.new(key, part.encode(), hashlib.sha256).digest()
            self._derived = (day, key)
        return self._derived[1]
