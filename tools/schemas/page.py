"""docs/schemas/README.md: which schema is whose, and what no schema can say."""

from typing import NamedTuple

from tools.schemas.documents import Document


class Limit(NamedTuple):
    """Something that the parser refuses and a schema cannot. `message` is a pattern of what the parser then says."""

    told: str
    message: str


LIMITS: tuple[Limit, ...] = (
    Limit("A number that is whole but written with a point (`2.0`) is refused.", r"Input should be a valid integer"),
    Limit(
        "A text with half of a character in it (a lone surrogate) is refused.", r"unable to parse raw data as a unicode"
    ),
    Limit(
        "A day that is in no calendar is refused, and a time before 1970 or after 9999.",
        r"day value is outside expected range|greater than or equal to 1970|less than or equal to 9999",
    ),
    Limit(
        "A JSON text has to hold what the schema says of an object. No object names a key twice, and NaN is no JSON.",
        r"not JSON|a key stands twice|nested too deeply",
    ),
    Limit(
        "Envelopes within each other: up to four around a removal request, up to five around a decommission event.",
        r"more than [0-9] envelopes",
    ),
    Limit("`expect` has to be the number of different pairs.", r"^says [0-9]+, but the request names"),
    Limit("One body names at most 100,000 pairs.", r"^more than 100000 pairs"),
    Limit("A key cannot be put back with two values.", r"one key cannot be put back with two values"),
    Limit("A request cannot contradict an earlier one of its list.", r"contradicts an earlier request of the list"),
    Limit(
        "A regular expression is the engine's to judge: no look-around, no back-reference, of bounded size.",
        r"is no regular expression that this engine takes",
    ),
    Limit(
        "A date's format names year, month and day, each once, in `%Y %y %m %d %j %b %B %H %I %p %M %S %f %z`.",
        r"format",
    ),
    Limit("A time zone has to be known to the machine.", r"is no time zone that is known here"),
    Limit("A rule may not match every tag there is.", r"matches every tag there is"),
    Limit("No two rules of a sweep share a name.", r"^two rules are called"),
    Limit("A sweep that goes on says of each rule how far it is.", r"says nothing of some rule, or too much"),
)

_HEAD = """# Schemas

Written by `make schemas` from the models that the code validates with; a test holds that these files are current, and
that the parsers and the schemas agree.

| schema | version | what | way |
|---|---|---|---|
"""

_WAYS = """
- `*.json` are JSON Schema 2020-12, in what that draft and draft 07 have in common.
- `draft-04/` holds the same in draft 4, for `JSONSchemaDraft4` in the EventBridge schema registry; `openapi/` the two
  events of the bus as `OpenApi3`, for its code bindings:

      aws schemas create-schema --registry-name untag --schema-name RemovalRequested --type OpenApi3 \\
        --content file://docs/schemas/openapi/removal-event.json

- `released/` holds the schemas as they were last released. A change that could break somebody needs a new version: what
  was taken would be refused, or what is sent would no longer be what it was said to be. A test refuses it otherwise.
  `make schemas RELEASE=1` makes what is current the released ones.
- Patterns are ECMA-262, as JSON Schema has it: `$` is the very end of a text.
- What goes out may come to hold more fields: ignore what you do not know.
- Where the schema of a request names rules of a cloud (`jdcloud` needs a region), they are that cloud's module's.

[asyncapi.yaml](../asyncapi.yaml) says which message is where.

## What a schema cannot say

"""


def page(every: tuple[Document, ...]) -> str:
    """The page's text."""
    rows = [f"| [{one.name}]({one.name}.json) | {one.version} | {one.title} | {one.direction} |\n" for one in every]
    limits = [f"- {limit.told}\n" for limit in LIMITS]
    return f"{_HEAD}{''.join(rows)}{_WAYS}{''.join(limits)}"
