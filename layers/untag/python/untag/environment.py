"""Readers of environment variables. A mistake names the variable and the rule, never the value: it may be a secret.

An empty variable counts as one that is not set, since a template can hardly leave one out.
"""

import ipaddress
import math
import re
from collections.abc import Mapping

from untag.contracts.problems import InvalidInputError

# Nothing but these: what is put behind an endpoint has to be the path.
_ENDPOINT = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?"
)
_HIGHEST_PORT = 65_535
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SWITCH = {
    "on": True,
    "true": True,
    "1": True,
    "yes": True,
    "off": False,
    "false": False,
    "0": False,
    "no": False,
}


def text(environ: Mapping[str, str], variable: str, default: str | None = None, pattern: str = r".+") -> str:
    """A text that matches `pattern` as a whole; without a default it is required."""
    value = environ.get(variable, "").strip()
    if not value:
        if default is None:
            raise InvalidInputError.of("is required", variable)
        return default
    if not re.fullmatch(pattern, value):
        raise InvalidInputError.of(f"should match {pattern}", variable)
    return value


def switch(environ: Mapping[str, str], variable: str, *, default: bool) -> bool:
    """`on` or `off`, in any of the usual words."""
    value = environ.get(variable, "").strip().lower()
    if not value:
        return default
    if value not in _SWITCH:
        raise InvalidInputError.of("should be on or off", variable)
    return _SWITCH[value]


def number(environ: Mapping[str, str], variable: str, *, high: float) -> float | None:
    """A number above 0, and at most `high`; None where there is none."""
    value = environ.get(variable, "").strip()
    if not value:
        return None
    number = float(value) if _NUMBER.fullmatch(value) else 0.0
    if not 0.0 < number <= high:
        raise InvalidInputError.of(f"should be a number above 0, and at most {high:g}", variable)
    return number


def whole(environ: Mapping[str, str], variable: str, default: int, *, low: int, high: int) -> int:
    """A whole number from `low` to `high`."""
    value = environ.get(variable, "").strip()
    return as_whole(value, variable, low=low, high=high) if value else default


def as_whole(value: str, variable: str, *, low: int, high: int) -> int:
    """A text as a whole number from `low` to `high`."""
    number = float(value) if _NUMBER.fullmatch(value) else math.nan
    if not low <= number <= high or number != int(number):
        raise InvalidInputError.of(f"should be a whole number from {low} to {high}", variable)
    return int(number)


def duration(environ: Mapping[str, str], variable: str, default: float) -> float:
    """Seconds, from `90`, `90s`, `15m`, `24h` or `2d`."""
    value = environ.get(variable, "").replace(" ", "").lower()
    if not value:
        return default
    if not (match := re.fullmatch(r"([0-9]{1,9})([smhd]?)", value)):
        raise InvalidInputError.of("should be a number of seconds, or a number with s, m, h or d behind it", variable)
    return float(match[1]) * _UNITS[match[2]]


def words(environ: Mapping[str, str], variable: str) -> tuple[str, ...]:
    """The parts of a comma-separated list, without spaces around them."""
    return tuple(part for part in (part.strip() for part in environ.get(variable, "").split(",")) if part)


def endpoint(environ: Mapping[str, str], variable: str, default: str) -> str:
    """`scheme://host[:port]`: https, or http to this machine itself."""
    return as_endpoint(text(environ, variable, default), variable)


def as_endpoint(value: str, variable: str) -> str:
    """A text as `scheme://host[:port]`: https, or http to this machine itself."""
    value = value.rstrip("/")
    match = _ENDPOINT.fullmatch(value)
    if not match or not _is_host(match["host"]) or int(match["port"] or 0) > _HIGHEST_PORT:
        raise InvalidInputError.of("should be scheme://host[:port]", variable)
    if match["scheme"] == "http" and not _is_loopback(match["host"]):
        raise InvalidInputError.of("should be https; http is for loopback addresses only", variable)
    return value


def _is_host(host: str) -> bool:
    return not host.startswith("[") or _address(host) is not None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def mapping(environ: Mapping[str, str], variable: str) -> dict[str, str]:
    """The pairs of a comma-separated list of `name=value`, each name once."""
    pairs = [part.partition("=") for part in words(environ, variable)]
    values = {name.strip(): value.strip() for name, _, value in pairs}
    if len(values) != len(pairs) or not all(name and value for name, value in values.items()):
        raise InvalidInputError.of("should be name=value pairs separated by commas, each name once", variable)
    return values
