"""Writes docs/configuration.md, every variable of a stack: `python tools/configuration.py`.

Names, defaults and bounds are those of the calls that read the variables, in the settings' own source. The parameter of
each stands in template.yaml. What a variable is for is said here.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "layers" / "untag" / "python" / "untag"
sys.path[:0] = [str(ROOT), str(ROOT / "layers" / "untag" / "python")]

from samtranslator.yaml_helper import yaml_parse  # noqa: E402 - the path comes first

from tools.clouds import linked, table  # noqa: E402
from untag.providers import NAMES, Options, apis_of  # noqa: E402

PAGE = ROOT / "docs" / "configuration.md"
SOURCES = (PACKAGE / "settings.py", PACKAGE / "decommission" / "service.py")
"""What reads the variables that hold on every host."""
OF_AWS = PACKAGE / "hosts" / "aws" / "settings.py"

WHAT = {
    "UNTAG_DRY_RUN": "Nothing is changed, whatever a request says. Reports say what would be removed.",
    "UNTAG_PROTECTED_KEYS": "Globs of tag keys that are never touched: `owner,cost-*`. "
    "The [reserved keys](clouds.md#pace-and-reserved-keys) of each cloud are never touched anyway.",
    "UNTAG_MAX_PAIRS": "The most pairs that one request may name, or come to where it asks for every tag. "
    "A larger one is held back whole.",
    "UNTAG_ALLOWED_ACCOUNTS": "The accounts that requests may name. Empty: all.",
    "UNTAG_ALLOWED_REGIONS": "The regions that requests may name. Empty: all. Where regions are listed, a request is "
    "held back without a region, or with a project that the credentials' `projects` place in none of them.",
    "UNTAG_ALLOWED_TYPES": "The resource types that requests may name. Empty: all.",
    "UNTAG_READ_FIRST": "Read the tags before any is changed. With `off` fewer calls are made, `removed` means no more "
    "than that the cloud said so, and undo knows no values: AWS, Huawei Cloud, Alibaba Cloud, Tencent Cloud and "
    "Volcengine remove a key whatever its value is, also where a request names one. A dry run always reads, and so do "
    "a restore and a request for every tag.",
    "UNTAG_CREDENTIALS": "Where credentials come from: `secretsmanager:PREFIX` on AWS, `csms:PREFIX` on FunctionGraph, "
    "`file:PATH`, or `env`. See [below](#credentials).",
    "UNTAG_ENDPOINTS": "Other endpoints than the public ones, by API: `jdcloud.resourcetag=https://…`. "
    "Plain http is for this machine itself. The names are [below](#endpoints-and-sizes-of-calls).",
    "UNTAG_RESOURCES_PER_CALL": "Resources in one call of an API: `jdcloud.resourcetag=50`. "
    "The names and bounds are [below](#endpoints-and-sizes-of-calls).",
    "UNTAG_MAX_ATTEMPTS": "After so many refusals a pair is given up, if its request is older than "
    "`UNTAG_MAX_AGE` as well.",
    "UNTAG_MAX_AGE": "When a request is older than this, a pair of it is given up that was also refused "
    "`UNTAG_MAX_ATTEMPTS` times.",
    "UNTAG_CONCURRENCY": "Provider calls in flight in one process.",
    "UNTAG_RATE": "Calls a second for each provider account, over all processes of a function; each function has it "
    "for itself. A secret's own `rate` goes before it.",
    "UNTAG_ENVIRONMENTS": "How many processes share the rate.",
    "UNTAG_DECOMMISSION_TAGS": "Which tags a resource loses that is gone, where its event does not say it: "
    "`all`, or globs of keys.",
    "UNTAG_ACCOUNTS": "The account of each vendor's account number whose events are taken: "
    "`huaweicloud/0123456789abcdef=production`.",
}
"""What each variable of every host is for, in the order of the page."""

WHAT_ON_AWS = {
    "UNTAG_QUEUE_URL": "the work queue",
    "UNTAG_DEAD_LETTER_QUEUE_URL": "the function's own dead-letter queue",
    "UNTAG_TOPIC_ARN": "the topic of the reports",
    "UNTAG_SWEEP_QUEUE_URL": "the queue of sweeps that go on",
    "UNTAG_SCHEDULE_GROUP": "the group of the schedules that keep requests until later",
    "UNTAG_SCHEDULE_ROLE_ARN": "the role of these schedules",
}
OF_THE_COMMAND = {
    "UNTAG_LEDGER": "The folder of the [ledger](ledger.md#on-this-machine).",
    "UNTAG_LOCAL_REPORTS": "`on`: the command also looks at what the local stack has kept. `untag local env` sets it.",
    "UNTAG_LOCAL_SESSION": "The session file of the local stack, where it is another than the newest.",
}
DEFAULTS = {"UNTAG_RATE": "[each cloud's own](clouds.md#pace-and-reserved-keys)", "UNTAG_DECOMMISSION_TAGS": "`all`"}
"""Defaults that no call that reads a variable names."""
ANY_TEXT = "a text"
OF_PATTERNS = {"Rate": "0.001 to 9,999.999"}
"""What a parameter lets through by its pattern, where that is less than its variable takes."""

HEAD = """# Configuration

Written by `make pages` out of the settings' own source; do not edit.

The same variables hold on every host and for the command `untag`. On AWS a parameter of `template.yaml` becomes the
variable of the functions; where it lets less through, that stands behind what the variable takes. On FunctionGraph all
are texts in one variable; [its page](functiongraph.md#settings) lists what is added there. An empty variable counts as
one that is not set. A value that cannot be read stops a function at its start, and the error names the variable, never
the value.

"""

CREDENTIALS = """
## Credentials

| the text of `UNTAG_CREDENTIALS` | where | an account's credentials |
| --- | --- | --- |
| `secretsmanager:PREFIX` | AWS; the template sets `secretsmanager:untag` | a JSON secret: `PREFIX/PROVIDER/ACCOUNT` |
| `csms:PREFIX` | FunctionGraph | a JSON secret: `PREFIX-PROVIDER-ACCOUNT` |
| `file:PATH` | AWS, the command | a JSON file: `{"jdcloud/default": {"access_key": "…", "secret_key": "…"}}` |
| `env` | everywhere | the account `default` of each cloud, from the vendor's own variables |

[The clouds side by side](clouds.md#credentials) lists the fields and the variables of each cloud. Every secret may also
have `rate`, in calls a second. A secret is read again after five minutes, so a new access key, `rate` or `projects`
needs no deployment.
"""

ENDPOINTS = """
## Endpoints and sizes of calls

The name of an API stands in `UNTAG_ENDPOINTS` and `UNTAG_RESOURCES_PER_CALL`. Its other names stand in
`UNTAG_ENDPOINTS` only. Where the table has no number, the size of a call cannot be set. A number is from
1 to 1,000 (the template takes up to 999); one above what the API takes at most counts as that.

"""

OF_AWS_ITSELF = """
Of AWS's own variables `AWS_REGION`, `AWS_ACCESS_KEY_ID` and its companions are read. `AWS_ENDPOINT_URL` and
`AWS_ENDPOINT_URL_<SERVICE>` replace the public endpoints of AWS's services.
"""


class Variable(NamedTuple):
    """A variable as the source reads it: which reader does, and what it is told."""

    name: str
    reader: str
    default: Any
    low: int | float | None
    high: int | float | None

    @classmethod
    def of(cls, call: ast.Call, constants: dict[str, str]) -> "Variable | None":
        """The variable that a call such as `environment.whole(environ, "UNTAG_…", 1000)` reads; None for another."""
        reader = call.func
        if not (isinstance(reader, ast.Attribute) and getattr(reader.value, "id", "") == "environment"):
            return None
        if len(call.args) < 2 or getattr(call.args[0], "id", "") != "environ":  # noqa: PLR2004 - the environment, a name
            return None
        named = call.args[1]
        name = named.value if isinstance(named, ast.Constant) else constants.get(getattr(named, "id", ""))
        options = {option.arg: _literal(option.value) for option in call.keywords}
        default = _literal(call.args[2]) if len(call.args) > 2 else options.get("default")  # noqa: PLR2004
        return cls(str(name), reader.attr, default, options.get("low"), options.get("high"))

    def values(self) -> str:
        """What it may be, for a person."""
        if self.reader == "whole":
            return f"{self.low:,g} to {self.high:,g}"
        if self.reader == "number":
            return f"above 0 to {self.high:,g}"
        return {
            "switch": "`on`, `off`",
            "duration": "`90`, `15m`, `24h`, `2d`",
            "words": "a list with commas",
            "mapping": "`name=value` pairs with commas",
        }.get(self.reader, ANY_TEXT)

    def shown_default(self) -> str:
        """Its default, for a person."""
        if self.name in DEFAULTS:
            return DEFAULTS[self.name]
        if self.reader == "duration":
            return f"`{self.default / 3600:g}h`"
        if self.reader == "switch":
            return "`on`" if self.default else "`off`"
        return f"`{self.default}`" if self.default else ""


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def variables(*sources: Path) -> dict[str, Variable]:
    """Every variable that the sources read, by name."""
    read: dict[str, Variable] = {}
    for source in sources:
        tree = ast.parse(source.read_text(encoding="utf-8"))
        constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (variable := Variable.of(node, constants)) is not None:
                read[variable.name] = variable
    return read


@cache
def template() -> dict[str, Any]:
    """What template.yaml says."""
    parsed: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    return parsed


def narrower(variable: Variable, names: Iterable[str]) -> Iterator[str]:
    """What the template's parameters let through, where that is less than the variable takes."""
    for name in names:
        said = template()["Parameters"][name]
        low, high = said.get("MinValue", variable.low), said.get("MaxValue", variable.high)
        if (low, high) != (variable.low, variable.high):
            yield f"`{name}`: {low:,g} to {high:,g}"
        elif name in OF_PATTERNS:
            yield f"`{name}`: {OF_PATTERNS[name]}"
        elif variable.values() == ANY_TEXT and "AllowedValues" in said:
            yield f"`{name}`: {', '.join(f'`{value}`' for value in said['AllowedValues'])}"


def parameters() -> dict[str, list[str]]:
    """The template's parameters that each variable of a function is made of."""
    functions = [template()["Globals"]["Function"]]
    functions += [one["Properties"] for one in template()["Resources"].values() if one["Type"].endswith("::Function")]
    made: dict[str, list[str]] = {}
    for function in functions:
        for name, value in function.get("Environment", {}).get("Variables", {}).items():
            said = made.setdefault(name, [])
            for one in _referred(value, template()["Conditions"]):
                if one in template()["Parameters"] and one not in said:
                    said.append(one)
    return made


def _referred(value: Any, conditions: dict[str, Any]) -> Iterator[str]:
    """The names that a value of the template refers to, those in its conditions too."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "Ref":
                yield inner
            elif name == "Fn::Sub":
                yield from (part.partition("}")[0] for part in str(inner).split("${")[1:])
            elif name == "Fn::If":
                yield from _referred([conditions[inner[0]], *inner[1:]], conditions)
            else:
                yield from _referred(inner, conditions)
    elif isinstance(value, list):
        for inner in value:
            yield from _referred(inner, conditions)


def page() -> str:
    """The whole page."""
    of_stack = parameters()
    read = variables(*SOURCES)
    rows = [
        [
            f"`{name}`",
            ", ".join(f"`{one}`" for one in of_stack.get(name, ())),
            what,
            "; ".join([read[name].values(), *narrower(read[name], of_stack.get(name, ()))]),
            read[name].shown_default(),
        ]
        for name, what in WHAT.items()
    ]
    places = [
        [f"`{name}`", what, ", ".join(f"`{one}`" for one in of_stack.get(name, ()))]
        for name, what in WHAT_ON_AWS.items()
    ]
    parts = [
        HEAD + table(["variable", "parameter", "what", "values", "default"], rows),
        CREDENTIALS,
        ENDPOINTS,
        table(["cloud", "API", "other names of endpoints", "resources in a call", "at most"], [*_apis()]),
        "\n## Set by the template\n\nOn AWS the template sets these itself.\n\n",
        table(["variable", "what", "parameter"], places),
        "\nThe template's other parameters are described in it, and in [deploy.md](deploy.md).\n",
        "\n## The command's own\n\n",
        table(["variable", "what"], [[f"`{name}`", what] for name, what in OF_THE_COMMAND.items()]),
        OF_AWS_ITSELF,
    ]
    return "".join(parts)


def _apis() -> Iterator[list[str]]:
    for name in NAMES:
        for api in apis_of(name):
            own = f"{name}.{api.api}"
            others = [f"{name}.{one}".rstrip(".") for one in api.endpoints]
            most = api.of(Options(resources_per_call={own: 1000})).limits.resources
            is_set = api.of(Options(resources_per_call={own: 1})).limits.resources == 1 < most
            sizes = [str(api.of(Options()).limits.resources), str(most)] if is_set else ["", ""]
            yield [linked(name), f"`{own}`", ", ".join(f"`{other}`" for other in others if other != own), *sizes]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
