"""`untag send` to a stack on AWS (moto's server), and which stack and credentials are meant."""

import json
import shlex
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import pytest
from aws_support import KEYS, DeployedOnMoto, moto_server
from cli_support import request

from local.template.reading import read

_numbers = count(1)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    yield from moto_server()


@pytest.fixture
def stack(moto: str, untag: Any) -> DeployedOnMoto:
    made = DeployedOnMoto(moto, f"sent-{next(_numbers)}", parameters={"MaxPairs": "300"}, outputs={})
    untag.environ |= made.environ
    return made


SWEEP = {
    "rules": [{"name": "old", "provider": "jdcloud", "regions": ["cn-north-1"], "types": ["vm"], "match": {"key": "x"}}]
}


def test_requests_and_sweeps_go_to_their_queues_under_one_batch(untag: Any, stack: DeployedOnMoto) -> None:
    untag.write("a.json", [request(["i-1", "i-2"]), request(["i-3"], id="own")])
    untag.write("s.json", SWEEP)
    done = untag("send", "a.json", "s.json", "--stack", stack.name, "--batch", "b", "--yes", "--expect", "4", "--json")
    assert done.code == 0, done.err
    answer = done.json
    assert (answer["batches"], answer["requests"], answer["sweeps"], answer["pairs"]) == (["b"], 2, 1, 3)
    # Without a ledger nothing can be asked afterwards.
    assert (answer["unsent"], answer["follow"]) == ([], [])
    first, second = stack.bodies("WorkQueue")
    assert second == {**request(["i-3"]), "id": "own", "batch": "b"}
    assert {**first, "id": ""} == {**request(["i-1", "i-2"]), "id": "", "batch": "b"}
    (sweep,) = stack.bodies("SweepQueue")
    assert (sweep["rules"], sweep["batch"]) == (SWEEP["rules"], "b")
    assert answer["sent"] == [first["id"], "own", sweep["id"]]


def test_the_same_files_sent_again_have_the_same_ids_and_other_files_have_others(
    untag: Any, stack: DeployedOnMoto
) -> None:
    words = ("--stack", stack.name, "--batch", "b", "--yes", "--expect", "1", "--json")
    first = untag("send", untag.write("a.json", request(["i-1"])), *words).json["sent"]
    again = untag("send", untag.write("c.json", request(["i-1"])), *words).json["sent"]
    other = untag("send", untag.write("a.json", request(["i-2"])), *words).json["sent"]
    assert first == again
    assert other != first
    assert first[0].startswith("b-")


def test_a_dry_run_needs_no_confirmation_and_every_message_says_so(untag: Any, stack: DeployedOnMoto) -> None:
    untag.write("a.json", request(["i-1"]))
    untag.write("s.json", SWEEP)
    done = untag("send", "a.json", "s.json", "--dry-run", "--stack", stack.name)
    assert done.code == 0, done.err
    assert "sent: 2 messages sent, 1 pair asked for" in done.out
    assert [body["dry_run"] for queue in ("WorkQueue", "SweepQueue") for body in stack.bodies(queue)] == [True, True]


def test_nothing_is_sent_if_one_file_is_wrong_or_the_number_is_or_nobody_can_be_asked(
    untag: Any, stack: DeployedOnMoto
) -> None:
    good = untag.write("good.json", request(["i-1"]))
    bad = untag.write("bad.json", [request(["i-1"], regio="x"), request([])])
    words = ("--stack", stack.name)
    wrong = untag("send", good, bad, *words, "--yes", "--expect", "1")
    assert wrong.code == 2
    assert "2 problems" in wrong.err
    assert "region" in wrong.err
    assert untag("send", good, *words, "--yes", "--expect", "2").code == 2
    unasked = untag("send", good, *words)
    assert unasked.code == 2
    assert "--yes --expect 1" in unasked.err
    assert stack.messages("WorkQueue") == []


def test_what_the_stack_would_hold_back_whole_is_not_sent(untag: Any, stack: DeployedOnMoto) -> None:
    rows = "".join(f"jdcloud,cn-north-1,vm,i-{n},env,prod\n" for n in range(400))
    name = untag.write("a.csv", f"provider,region,type,id,key,value\n{rows}")
    words = ("--stack", stack.name, "--yes", "--expect", "400", "--json")
    done = untag("send", name, *words)
    assert done.code == 2
    assert "1 request of more than 300 pairs" in done.json["error"]
    assert "UNTAG_MAX_PAIRS=300" in done.json["hint"]
    assert stack.messages("WorkQueue") == []
    cut = untag("send", name, *words, UNTAG_MAX_PAIRS="300")
    assert cut.code == 0, cut.out
    assert [len(body["resources"][0]["ids"]) for body in stack.bodies("WorkQueue")] == [300, 100]


def test_a_request_that_is_larger_than_a_message_is_cut_into_several_of_its_batch(untag: Any, moto: str) -> None:
    stack = DeployedOnMoto(moto, f"large-{next(_numbers)}", parameters={}, outputs={})
    ids = [f"{n}-{'x' * 500}" for n in range(3000)]
    name = untag.write("a.json", request(ids, id="large", batch="b", expect=3000))
    words = ("--stack", stack.name, "--yes", "--expect", "3000", "--json")
    done = untag("send", name, *words, **stack.environ, UNTAG_MAX_PAIRS="5000")
    assert done.code == 0, done.err
    assert done.json["sent"] == ["large-1", "large-2"]
    bodies = stack.bodies("WorkQueue")
    assert [one for body in bodies for group in body["resources"] for one in group["ids"]] == ids
    assert [(body["batch"], body["expect"]) for body in bodies] == [("b", 1500), ("b", 1500)]


def test_many_requests_go_in_batches_of_ten(untag: Any, stack: DeployedOnMoto) -> None:
    name = untag.write("a.json", [request([f"i-{n}"]) for n in range(23)])
    done = untag("send", name, "--stack", stack.name, "--yes", "--expect", "23", "--json")
    assert len(done.json["sent"]) == 23
    assert len(stack.messages("WorkQueue")) == 23


def test_what_a_queue_does_not_take_is_said_and_the_exit_code_is_1(untag: Any, stack: DeployedOnMoto) -> None:
    url = stack.outputs["WorkQueueUrl"]
    stack.client("sqs").delete_queue(QueueUrl=url)
    done = untag(
        "send", untag.write("a.json", request(["i-1"], id="x")), "--stack", stack.name, "--yes", "--expect", "1"
    )
    assert done.code == 1
    assert "not all was sent: 0 messages sent" in done.out
    assert "QueueDoesNotExist" in done.out or "NonExistentQueue" in done.out


def test_after_a_part_was_not_taken_the_command_that_is_printed_sends_the_same_ids_again(
    untag: Any, stack: DeployedOnMoto
) -> None:
    untag.write("a file.json", request(["i-1"]))
    untag.write("s.json", SWEEP)
    client = stack.client("sqs")
    client.delete_queue(QueueUrl=stack.outputs["SweepQueueUrl"])
    done = untag("send", "a file.json", "s.json", "--stack", stack.name, "--yes", "--expect", "2")
    assert done.code == 1
    (first,) = stack.bodies("WorkQueue")
    (line,) = [line for line in done.out.splitlines() if line.startswith("to send the rest: ")]
    name, *words = shlex.split(line.removeprefix("to send the rest: "))
    assert (name, words[words.index("--batch") + 1]) == ("untag", first["batch"])
    client.create_queue(QueueName=stack.outputs["SweepQueueUrl"].rpartition("/")[2])
    again = untag(*words, "--json")
    assert again.code == 0, again.err
    assert again.json["again"] is None
    assert {(one["id"], one["batch"]) for one in stack.bodies("WorkQueue")} == {(first["id"], first["batch"])}
    assert [one["batch"] for one in stack.bodies("SweepQueue")] == [first["batch"]]


def test_which_stack_is_meant_has_to_be_said_and_it_has_to_be_there(untag: Any, stack: DeployedOnMoto) -> None:
    name = untag.write("a.json", request(["i-1"]))
    unsaid = untag("send", name)
    assert unsaid.code == 2
    assert "--stack NAME" in unsaid.err
    both = untag("send", name, "--stack", "x", "--local")
    assert both.code == 2
    unknown = untag("send", name, "--stack", "unknown")
    assert unknown.code == 2
    assert "there is no stack unknown in us-west-2" in unknown.err
    elsewhere = untag("send", name, "--stack", stack.name, "--stack-region", "us-east-2", "--json")
    assert elsewhere.code == 2
    assert "in us-east-2" in elsewhere.json["error"]


def test_without_credentials_the_error_says_how_to_export_them(untag: Any, stack: DeployedOnMoto) -> None:
    name = untag.write("a.json", request(["i-1"]))
    done = untag("send", name, "--stack", stack.name, AWS_ACCESS_KEY_ID="", AWS_PROFILE="admin")
    assert done.code == 2
    assert 'eval "$(aws configure export-credentials --profile admin --format env)"' in done.err
    regionless = untag("send", name, "--stack", stack.name, AWS_REGION="")
    assert regionless.code == 2
    assert "--stack-region" in regionless.err


class _Refusing(BaseHTTPRequestHandler):
    code = ""

    def do_POST(self) -> None:
        body = f"<ErrorResponse><Error><Code>{self.code}</Code></Error></ErrorResponse>".encode()
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@pytest.mark.parametrize(
    ("code", "hint"),
    [("AccessDenied", "docs/stacks.md lists the rights"), ("ExpiredToken", "aws configure export-credentials")],
)
def test_what_aws_refuses_is_named_with_what_to_do(untag: Any, stack: DeployedOnMoto, code: str, hint: str) -> None:
    name = untag.write("a.json", request(["i-1"]))
    with ThreadingHTTPServer(("127.0.0.1", 0), type("Refusing", (_Refusing,), {"code": code})) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        done = untag("send", name, "--stack", stack.name, "--json", AWS_ENDPOINT_URL_CLOUDFORMATION=url)
        server.shutdown()
    assert done.code == 1
    assert done.json["error"] == f"AWS refuses or cannot be reached: cloudformation DescribeStacks: {code}"
    assert hint in done.json["hint"]
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in done.out + done.err


def test_where_aws_cannot_be_reached_the_error_asks_for_region_and_network(untag: Any, stack: DeployedOnMoto) -> None:
    name = untag.write("a.json", request(["i-1"]))
    done = untag("send", name, "--stack", stack.name, AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert done.code == 1
    assert "is the region right" in done.err


def test_a_local_stack_that_is_not_up_is_an_error_that_says_how_to_start_one(untag: Any) -> None:
    name = untag.write("a.json", request(["i-1"]))
    done = untag("send", name, "--local", UNTAG_LOCAL_SESSION="none.json")
    assert done.code == 1
    assert "untag local up" in done.err


def test_the_template_has_the_outputs_that_the_commands_go_by() -> None:
    from cli.deployed.aws.dead_letters import WAYS_BACK
    from local import ROOT

    outputs = set(read(ROOT / "template.yaml", stack="untag", region="eu-west-1", parameters={}).outputs)
    used = {*WAYS_BACK, *WAYS_BACK.values(), "ScheduleGroupName", "LedgerWorkGroup", "LedgerDatabase"}
    assert used <= outputs
    assert json.dumps(sorted(name for name in outputs if "DeadLetterQueueUrl" in name)) == json.dumps(sorted(WAYS_BACK))
