"""Writes docs/permissions.md: what every role may do, on what and why, and who else gets at queues, topic and key.

    python tools/permissions.py

Everything but the reasons comes from template.yaml after its transform. A statement whose Sid has no reason here, and a
reason that no statement has, are errors.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from local import template as templates  # noqa: E402 - the project is no installed package

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = ROOT / "docs" / "permissions.md"

# Why, by the statement's Sid. A role's own statement may have a reason of its own: "Role/Sid".
REASONS = {
    "WorkAndRemainders": "the mapping receives and deletes requests; the function sends what is left to do",
    "SweepsAndTheirContinuations": "the mapping receives and deletes sweeps; one goes on by a message",
    "Events": "the mapping receives and deletes events; a suspect is hidden for longer, or goes back as it is",
    "RemovalRequests": "what is to be removed is asked for here",
    "RemoveTagsRole/DeadLetters": "pairs that failed and bodies that do not validate",
    "DecommissionRole/DeadLetters": "events that do not validate, of unknown accounts, or whose tags cannot be read",
    "SweepRole/DeadLetters": "sweeps that do not validate",
    "Reports": "what became of each request, why an event led to no request, one notice for each sweep",
    "ItsOwnLogs": "its log lines, and its metrics in them",
    "ProviderKeys": "the clouds' keys: a secret for each provider and account, which cannot be listed beforehand",
    "SweepsAndWhatCannotBeDelivered": "the schedule sends its rules, and what could not be delivered",
    "TagsUntilTheirGraceIsOver": "tags that a rule with a grace has found are kept as a schedule; what is kept is read",
    "WhatIsKeptAlready": "what is kept for a rule is looked for by its name; listing knows no resources",
    "TheRulesAsTheyAreNow": "when a grace is over, the tags go by the rules as they are then",
    "TheObjectOfRules": "the rules stand in this object alone",
    "RequestsForLater": "a request with `not_before` is kept as a schedule",
    "TheRoleThatSendsThem": "the schedule sends the request as this role",
    "RequestsWhoseTimeHasCome": "a schedule sends the request back, and what could not be delivered",
    "TheAliases": "CodeDeploy moves an alias from one version to the next, and back",
    "TheAlarmsThatRollBack": "CodeDeploy looks whether one rings; CloudWatch asks for the permission on all",
    "TheKeyByWayOfQueuesAndTopic": "to send and receive where messages lie under the key",
    "NetworkInterfaces": "Lambda puts the function into the VPC; EC2 allows that on everything or on nothing",
    "ButNotByTheFunctionsOwnCode": "the function's own code may do none of it",
    "AwsTagsAreRead": "tags of AWS resources in this account are read and found; the tagging API knows no resources",
    "AwsTagsAreChanged": "tags of AWS resources in this account are changed, with each service's own right",
    "AwsRolesOfOtherAccounts": "tags of AWS resources in other accounts are reached by a role there",
    "Traces": "Lambda writes traces of invocations; X-Ray knows no resources",
    "OnlyOverTls": "nothing comes or goes in plain text",
    "RemovalRequestsFromTheBus": "the rule for removal requests",
    "EventsFromTheRules": "the rules for decommission events, on the stack's bus and on the account's default one",
    "EventsTheRuleCouldNotDeliver": "what the rule could not deliver within a day",
    "EventsTheRulesCouldNotDeliver": "what the rules could not deliver within a day",
    "PermissionsAreAMatterOfIam": "the account's principals get at the key by their IAM permissions, as with any key",
    "EventsToTheStacksQueues": "EventBridge, and SNS where a queue is subscribed, send under the key",
    "AlarmsOfThisAccount": "an alarm topic may lie under the key",
    "TheFunctionsLogGroups": "CloudWatch Logs keeps the functions' logs under the key",
}

# What an operator does so that a condition of the template holds.
OPTIONS = {
    "ReadsSecrets": "`CredentialsSource=secretsmanager` (the default)",
    "RulesInS3": "`SweepRules=s3://…`",
    "UsesKey": "`KmsKey`",
    "CreatesKey": "`KmsKey=create`",
    "UsesVpc": "`VpcSubnetIds`",
    "ReachesAws": "`AwsTags=on`",
    "HearsAws": "`AwsDeletions=on`",
    "AssumesAwsRoles": "`AwsRoleArns`",
    "Traces": "`Tracing=on`",
    "CreatesWorkQueue": "no `WorkQueueArn`",
    "CreatesTopic": "no `NotificationTopicArn`",
    "HasOtherBus": "another bus than `default`",
}

HEAD = """\
# What every role may do

Written by `make pages` from [template.yaml](../template.yaml) after its transform; a test holds that it is
current. No role has a policy that is written by anybody else, and none is generated. What an option adds is there with
the option only; `PermissionsBoundaryArn` puts a boundary on every role. Names in `code` are the template's own.
"""

TAIL = """\
## Who else gets in

Principals of the account reach queues, topic and bus by IAM permissions of their own. These statements stand at the
resources themselves.
"""


class Row(NamedTuple):
    """One statement, for a person."""

    who: str
    may: str
    on: str
    why: str
    option: str


def listed(value: Any) -> list[Any]:
    """A value that may stand alone, as a list."""
    return value if isinstance(value, list) else [value]


def shown(value: Any) -> str:  # noqa: PLR0911 - a table
    """A resource, or a value of a condition, in the template's own names."""
    match value:
        case "*":
            return "everything"
        case {"Ref": "AWS::AccountId"}:
            return "this account"
        case str():
            return f"`{value}`"
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), _]}:
            return f"`{name}`"
        case {"Fn::Join": ["", [_, {"Fn::Select": [1, {"Fn::Split": [_, name]}]}]]}:
            return f"the object that {shown(name)} names"
        case {"Fn::If": [str(name), then, {"Ref": "AWS::NoValue"}]}:
            return f"{shown(then)} ({OPTIONS[name]})"
        case {"Fn::If": [str(), then, otherwise]}:
            return f"{shown(then)}, or {shown(otherwise)}"
        case {"Fn::Sub": str(text)}:
            short = re.sub(r"arn:\$\{AWS::Partition\}:\w+:(\$\{AWS::Region\})?:\$\{AWS::AccountId\}:", "", text)
            return f"`{short.replace('${AWS::', '${')}`"
    raise ValueError(f"no words for {value}")


def circumstances(statement: dict[str, Any]) -> str:
    """The condition of a statement, as words behind what it is allowed on."""
    parts = [
        f"{key} is {'like ' * operator.endswith('Like')}{' or '.join(map(shown, listed(values)))}"
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    ]
    return f" where {' and '.join(parts)}" if parts else ""


def principals(statement: dict[str, Any]) -> str:
    """Whom a statement at a resource speaks of."""
    match statement["Principal"]:
        case "*":
            return "everybody"
        case {"AWS": _}:
            return "this account"
        case {"Service": services}:
            return ", ".join(map(shown, listed(services)))
    raise ValueError(f"no words for {statement['Principal']}")


def row(statement: dict[str, Any], option: str, who: str, on: str = "") -> Row:
    """A statement as a row; `on` goes before what the statement says."""
    sid = statement["Sid"]
    actions = ", ".join(f"`{action}`" for action in listed(statement["Action"]))
    never = "**may not** " if statement["Effect"] == "Deny" else ""
    where = on or ", ".join(map(shown, listed(statement["Resource"])))
    return Row(
        who, never + actions, where + circumstances(statement), REASONS.get(f"{who}/{sid}") or REASONS[sid], option
    )


def undecided(entry: Any, option: str) -> tuple[Any, str]:
    """An entry of a list, without the condition around it, and that condition's option."""
    match entry:
        case {"Fn::If": [str(name), then, {"Ref": "AWS::NoValue"}]}:
            return then, OPTIONS[name]
    return entry, option


def of_role(resources: dict[str, Any], name: str) -> Iterator[Row]:
    """What a role may do: by its own policies, and by those that it names."""
    policies = [(policy, "") for policy in resources[name]["Properties"].get("Policies", [])]
    for entry in resources[name]["Properties"].get("ManagedPolicyArns", []):
        reference, option = undecided(entry, "")
        policies.append((resources[reference["Ref"]]["Properties"], option))
    for policy, option in policies:
        for entry in policy["PolicyDocument"]["Statement"]:
            statement, needed = undecided(entry, option)
            yield row(statement, needed, name)


def at_resources(resources: dict[str, Any]) -> Iterator[Row]:
    """What the policies of queues, topic and key say."""
    for name, found in resources.items():
        properties, option = found["Properties"], OPTIONS.get(found.get("Condition", ""), "")
        match found["Type"]:
            case "AWS::SQS::QueuePolicy":
                document, owners = properties["PolicyDocument"], properties["Queues"]
            case "AWS::SNS::TopicPolicy":
                document, owners = properties["PolicyDocument"], properties["Topics"]
            case "AWS::KMS::Key":
                document, owners = properties["KeyPolicy"], [{"Ref": name}]
            case _:
                continue
        for owner in owners:
            for entry in document["Statement"]:
                statement, needed = undecided(entry, option)
                yield row(statement, needed, principals(statement), shown(owner))


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown, without a column that is empty throughout."""
    kept = [index for index, _ in enumerate(heads) if any(one[index] for one in rows)]
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line[index] for index in kept) + " |" for line in lines) + "\n"


def used(resources: dict[str, Any]) -> set[str]:
    """Every Sid of the template."""

    def below(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if isinstance(node.get("Sid"), str):
                yield node["Sid"]
            for child in node.values():
                yield from below(child)
        elif isinstance(node, list):
            for child in node:
                yield from below(child)

    return set(below(resources))


def page(template: Path = ROOT / "template.yaml") -> str:
    """The whole page."""
    resources = templates.transform(template, region="eu-west-1", parameters={}).document["Resources"]
    if odd := used(resources) ^ {key.rpartition("/")[2] for key in REASONS}:
        raise SystemExit(f"tools/permissions.py: a reason is missing, or for nothing: {', '.join(sorted(odd))}")
    parts = [HEAD]
    for name, found in resources.items():
        if found["Type"] == "AWS::IAM::Role":
            properties = found["Properties"]
            (trust,) = properties["AssumeRolePolicyDocument"]["Statement"]
            parts += [
                f"## `{name}`\n",
                f"{properties['Description']} {principals(trust)} takes it on{circumstances(trust)}.\n",
                table(
                    ["may", "on", "why", "with"],
                    [[one.may, one.on, one.why, one.option] for one in of_role(resources, name)],
                ),
            ]
    rows = [[one.on, one.who, one.may, one.why, one.option] for one in at_resources(resources)]
    parts += [TAIL, table(["at", "who", "may", "why", "with"], rows)]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
