"""Records what Terraform's provider for Huawei Cloud takes, for the resources that `deploy/functiongraph` uses.

    python tools/terraform_schema.py CHECKOUT > tests/vectors/huaweicloud_terraform.json

CHECKOUT is a git repository of huaweicloud/terraform-provider-huaweicloud, which publishes its schema under docs/json.
The tests hold the templates against what is recorded: names of arguments and blocks, which of them have to be there,
and what can be read of a resource.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

TEMPLATES = Path(__file__).resolve().parents[1] / "deploy" / "functiongraph"
_RESOURCE = re.compile(r'^resource "huaweicloud_(\w+)"', re.MULTILINE)


def used() -> list[str]:
    """The resources that the templates name, without the provider's prefix."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(TEMPLATES.glob("*.tf")))
    return sorted({name for text in texts for name in _RESOURCE.findall(text)})


def of_block(block: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a block with whether they are required, and its blocks; what is only read is left out."""
    attributes = block.get("attributes", {})
    given = {name: one for name, one in attributes.items() if one.get("required") or one.get("optional")}
    # The schema marks arguments that have a default of the provider's as computed only; `region` is one.
    given |= {name: one for name, one in attributes.items() if name == "region"}
    return {
        "arguments": {name: bool(one.get("required")) for name, one in sorted(given.items())},
        "blocks": {name: of_block(one["block"]) for name, one in sorted(block.get("block_types", {}).items())},
    }


def main(arguments: list[str]) -> int:
    """Writes the record on standard output."""
    if len(arguments) != 1:
        print("usage: terraform_schema.py CHECKOUT", file=sys.stderr)
        return 2

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", arguments[0], *words], capture_output=True, text=True, check=True).stdout

    record: dict[str, Any] = {
        "source": "github.com/huaweicloud/terraform-provider-huaweicloud, docs/json/resources",
        "commit": git("rev-parse", "HEAD").strip(),
        "resources": {},
    }
    for name in used():
        schema = json.loads(git("show", f"HEAD:docs/json/resources/{name}.json"))
        (provider,) = schema["provider_schemas"].values()
        full = f"huaweicloud_{name}"
        block = provider["resource_schemas"][full]["block"]
        record["resources"][full] = {**of_block(block), "attributes": sorted(block["attributes"])}
    print(json.dumps(record, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
