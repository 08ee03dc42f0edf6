"""Several accounts of one cloud, by a file of credentials that the functions and the local clouds share."""

import json
import os

import httpx
import pytest
from processes import run, up

from local.stack import ROOT

CREDENTIALS = {
    "jdcloud/default": {"access_key": "AK-MADE-UP-DEFAULT", "secret_key": "made-up-secret-of-default"},
    "jdcloud/second": {"access_key": "AK-MADE-UP-SECOND", "secret_key": "made-up-secret-of-second"},
    "huaweicloud/second": {
        "access_key": "AK-MADE-UP-HUAWEI",
        "secret_key": "made-up-secret-of-huawei",
        "domain_id": "d0ma1n",
    },
}


def request(account):
    return {
        "id": f"close-{account}",
        "provider": "jdcloud",
        "account": account,
        "region": "cn-north-1",
        "resources": [{"type": "vm", "ids": ["i-1"]}],
        "tags": [{"key": "env", "value": account}],
    }


def vm(account):
    tags = {"env": account, "team": "checkout"}
    return {"account": account, "region": "cn-north-1", "type": "vm", "id": "i-1", "tags": tags}


def test_tags_are_removed_in_each_account_with_the_credentials_of_the_file(tmp_path):
    session, path = tmp_path / "session.json", tmp_path / "accounts.json"
    path.write_text(json.dumps(CREDENTIALS), encoding="utf-8")
    credentials = f"UNTAG_CREDENTIALS=file:{os.path.relpath(path, ROOT)}"
    with up(session, "--no-seed", "--batching-window", "0.1", "--env", credentials) as described:
        seed = {"resources": [vm("default"), vm("second"), vm("third")]}
        httpx.put(f"{described['providers']['jdcloud']}/_control/tags", json=seed, trust_env=False).raise_for_status()
        requests = json.dumps([request("default"), request("second"), request("third")])
        run("send", "-", "--wait", "30", "--session", session, text=requests)
        state = json.loads(run("state", "--session", session, "--json").stdout)
    tags = state["providers"]["jdcloud"]["tags"]
    assert {name: regions["cn-north-1"]["vm"]["i-1"] for name, regions in tags.items()} == {
        "default": {"team": "checkout"},
        "second": {"team": "checkout"},
        "third": {"env": "third", "team": "checkout"},
    }
    statuses = {report["body"]["id"]: report["body"]["status"] for report in state["reports"]}
    assert statuses == {"close-default": "succeeded", "close-second": "succeeded", "close-third": "failed"}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot be read"),
        ("{", "is no JSON"),
        ("[]", "is no object"),
        ('{"jdcloud/default": {"access_key": "AK"}}', "jdcloud/default in"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_at_the_start(tmp_path, content, complaint):
    path = tmp_path / "accounts.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    answer = run("up", "--session", tmp_path / "session.json", "--env", f"UNTAG_CREDENTIALS=file:{path}", "--json")
    assert answer.returncode == 2
    assert complaint in json.loads(answer.stdout)["error"]
