"""docs/schemas/README.md: which schema is whose, what has changed in them, and what no schema can say."""

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
    Limit("Base64 has to hold UTF-8, and that a JSON text.", r"should be JSON, as UTF-8 in Base64"),
    Limit("A body may have up to four envelopes, one inside the other.", r"more than [0-9] envelopes"),
    Limit(
        "A message of SMN is a text. What has to be read of a vendor's event is an object, or the JSON text of one.",
        r"^Input should be a text$|^Input should be an object$|^is no trace: ",
    ),
    Limit(
        "Most clouds hold shorter keys and values than the widest that a request takes.",
        r"^String should have at most [0-9]+ characters on [a-z]+$",
    ),
    Limit("`expect` has to be the number of different pairs.", r"^says [0-9]+, but the request names"),
    Limit("One body names at most 100,000 pairs.", r"^more than 100000 pairs"),
    Limit("`not_before` cannot be later than `not_after`.", r"should not be later than not_after"),
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
    Limit("A rule names `account` or `accounts`.", r"account and accounts say the same"),
    Limit(
        "`types` is `all`, or a list without it, and not every cloud has it.",
        r"types is .all.|no listing of every type",
    ),
    Limit("A rule that keeps some tags needs `limit` and named types.", r"removes every tag but some"),
    Limit("A sweep that goes on says of each rule how far it is.", r"says nothing of some rule, or too much"),
)


class Change(NamedTuple):
    """What a version of some schemas has changed that could break somebody, and what whoever is concerned has to do."""

    version: int
    schemas: tuple[str, ...]
    what: str
    to_do: str


_REQUESTS = ("removal-request", "removal-request-list", "removal-event", "removal-notification", "removal-message")
_DECOMMISSIONS = ("decommission-event", "decommission-message")

CHANGES: tuple[Change, ...] = (
    Change(
        2,
        (*_REQUESTS, *_DECOMMISSIONS),
        'A tag\'s `"value": null` is refused; it removed the key whatever its value was.',
        'Leave `value` out to mean any value, or name it; `""` is the empty one.',
    ),
    Change(
        2,
        ("removal-report", "removal-answer"),
        "`status` can be `unchanged`: nothing was changed and nothing went wrong. Such a report said `succeeded`, or "
        "`partial` where a guardrail had held back every pair.",
        "Expect it wherever you tell statuses apart. The summary says what looks wrong with the request.",
    ),
    Change(
        2,
        ("removal-report", "removal-answer"),
        "`counts` are the page's own; they were the whole attempt's on every page, as `request_counts` are now.",
        "Add up `counts` over pages, or read `request_counts` of one page.",
    ),
    Change(
        2,
        ("removal-report", "removal-answer"),
        "A request that a guardrail held back whole has no rows, but `held_back` with the reason and the pairs.",
        "Read `held_back` where `outcomes` is empty.",
    ),
    Change(
        2,
        ("removal-answer", "sweep-answer"),
        "There is no `errors`: what is invalid, or could not be delivered, fails the invocation.",
        "Look for `FunctionError` in Lambda's answer, and read `errorMessage` as [this](invocation-error.json).",
    ),
    Change(
        2,
        ("sweep", "sweep-message"),
        'A rule can say lists of keys, `accounts`, `"types": "all"` and `"remove": {"except": [...]}`.',
        "Nothing: what was taken is taken as before.",
    ),
    Change(
        2,
        ("remainder",),
        'A remainder can say `batch`, `overwrite`, `"tags": "all"`, and of a tag what it `was`.',
        "Nothing: untag alone reads remainders.",
    ),
    Change(3, ("remainder",), "A remainder can say `not_before`.", "Nothing: untag alone reads remainders."),
    Change(
        4,
        ("remainder",),
        "A key can have 512 characters, as Azure takes them, and a value 256, as AWS and Azure do.",
        "Nothing: untag alone reads remainders.",
    ),
)

_HEAD = """# Schemas

Written by `make pages` from the models that the code validates with; a test holds that these files are current, and
that the parsers and the schemas agree.

| schema | version | what | way |
|---|---|---|---|
"""

_WAYS = """
- `*.json` are JSON Schema 2020-12, in what that draft and draft 07 have in common.
- `openapi/` holds the two events of the bus as `OpenApi3`, which the EventBridge schema registry makes code bindings
  of:

      aws schemas create-registry --registry-name untag
      aws schemas create-schema --registry-name untag --schema-name RemovalRequested --type OpenApi3 \\
        --content file://docs/schemas/openapi/removal-event.json

- `released/` holds the schemas as they were last released. A change that could break somebody needs a new version: what
  was taken would be refused, or what is sent would no longer be what it was said to be. A test refuses it otherwise.
  `make pages RELEASE=1` makes what is current the released ones. No older version is served beside the newest.
- Patterns are ECMA-262, as JSON Schema has it: `$` is the very end of a text.
- What goes out may come to hold more fields: ignore what you do not know.
- Where the schema of a request names rules of a cloud (`jdcloud` needs a region), they are that cloud's module's.

[asyncapi.yaml](../asyncapi.yaml) says which message is where.

"""

_CHANGES = """## What has changed

Only what can break somebody steps a version, and what is new besides stands in the [changelog](../../CHANGELOG.md).

| version | schemas | what | what to do |
|---|---|---|---|
"""

_LIMITS = """
## What a schema cannot say

"""


def page(every: tuple[Document, ...]) -> str:
    """The page's text."""
    rows = [f"| [{one.name}]({one.name}.json) | {one.version} | {one.title} | {one.direction} |\n" for one in every]
    changes = [f"| {one.version} | {', '.join(one.schemas)} | {one.what} | {one.to_do} |\n" for one in CHANGES]
    limits = [f"- {limit.told}\n" for limit in LIMITS]
    return f"{_HEAD}{''.join(rows)}{_WAYS}{_CHANGES}{''.join(changes)}{_LIMITS}{''.join(limits)}"
