"""A whole job, from an empty folder: forty legacy keys go from everything that three accounts have at two clouds."""

from collections import Counter
from pathlib import Path

from plans_support import PROJECT, WorkFolder

from cli.ledger import Ledger
from local.providers import HuaweicloudTmsServer, JdcloudServer
from local.providers.tag_table import Pair

ACCOUNTS = ("shop", "lab", "data")
KEYS = [f"legacy-{n:02}" for n in range(40)]
AT_JD, AT_TMS = 4_400, 600


def _tags(number: int) -> dict[str, str]:
    """What a resource bears: two of the legacy keys, and one that stays."""
    legacy = {KEYS[number % 40]: f"v{number % 2}", KEYS[(number + 7) % 40]: "x"}
    return {**legacy, "cost-center": f"{number % 9}"}


def _filled(jd: JdcloudServer, tms: HuaweicloudTmsServer) -> None:
    for server, place, count in (
        (jd, {"region": "cn-north-1", "type": "vm"}, AT_JD),
        (tms, {"region": PROJECT, "type": "ecs"}, AT_TMS),
    ):
        server.tags.load(
            {**place, "account": ACCOUNTS[n % 3], "id": f"{place['type']}-{n:04}", "tags": _tags(n)}
            for n in range(count)
        )


def _legacy(*servers: JdcloudServer | HuaweicloudTmsServer) -> set[Pair]:
    return {pair for server in servers for pair in server.tags.pairs() if pair.key.startswith("legacy-")}


def _rules() -> dict[str, object]:
    places = (
        {"provider": "jdcloud", "regions": ["cn-north-1"], "types": ["vm"]},
        {"provider": "huaweicloud", "project_id": PROJECT, "types": ["ecs"]},
    )
    rules = [
        {**place, "name": f"{place['provider']}-{account}", "account": account, "match": {"key": {"glob": "legacy-*"}}}
        for place in places
        for account in ACCOUNTS
    ]
    return {"id": "legacy-keys", "batch": "cleanup-2026-11", "rules": rules}


def test_forty_keys_go_from_three_accounts_after_somebody_has_approved(tmp_path: Path) -> None:
    with JdcloudServer() as jd, HuaweicloudTmsServer() as tms:
        _filled(jd, tms)
        work = WorkFolder(tmp_path, jd, tms, accounts=ACCOUNTS)
        before = _legacy(jd, tms)
        assert len(before) == 10_000

        # What is in use?
        accounts = [word for name in ACCOUNTS for word in ("--account", name)]
        words = (*accounts, "--key", "legacy-*")
        at_jd = work.json("tags", "--provider", "jdcloud", "--region", "cn-north-1", "--type", "vm", *words)["keys"]
        at_tms = work.json("tags", "--provider", "huaweicloud", "--project-id", PROJECT, "--type", "ecs", *words)[
            "keys"
        ]
        for server, rows in ((jd, at_jd), (tms, at_tms)):
            counts = Counter((pair.account, pair.key) for pair in _legacy(server))
            assert {(row["account"], row["key"]): row["resources"] for row in rows} == counts

        # A plan, and what is left of it after a look.
        work.write("rules.json", _rules())
        assert work.json("plan", "rules.json", "-o", "plan.csv")["totals"]["pairs"] == 10_000
        rows = work.rows("plan.csv")
        planned = {(row["account"], row["type"], row["id"], row["key"], row["value"]) for row in rows}
        assert planned == {(pair.account, *pair[2:]) for pair in before}
        spared, kept = rows[::1000], [row for number, row in enumerate(rows) if number % 1000]
        assert len(spared) == 10
        work.rewrite("plan.csv", kept)
        changed = [*[row for row in kept if row["provider"] == "jdcloud"][:2], kept[1]]
        for row in changed:
            server, region = (jd, "cn-north-1") if row["provider"] == "jdcloud" else (tms, PROJECT)
            server.tags.put(region, row["type"], row["id"], row["key"], "in use again", account=row["account"])
        assert not [call for server in (jd, tms) for call in server.calls if call.writing]

        # Exactly what was approved goes, and what has changed since stays.
        answer = work.json("apply", "plan.csv", "--yes", "--expect", "9990", status=1)
        assert answer["pairs"] == {"removed": 9_987, "absent": 3}
        assert {(one["kind"], one["id"], one["key"], one["now"]) for one in answer["drift"]} == {
            ("other_value", row["id"], row["key"], "in use again") for row in changed
        }
        assert answer["complete"]
        assert {(pair.account, pair.id, pair.key) for pair in _legacy(jd, tms)} == {
            (row["account"], row["id"], row["key"]) for row in (*spared, *changed)
        }
        others = [pair for server in (jd, tms) for pair in server.tags.pairs() if pair.key == "cost-center"]
        assert len(others) == 5_000

        # The ledger tells the same as the clouds' own history.
        ledger = Ledger(work.ledger)
        totals = ledger.totals("cleanup-2026-11")
        assert totals is not None
        assert (totals.pairs, totals.waiting, totals.complete) == ({"removed": 9_987, "absent": 3}, 0, True)
        kept_rows = ledger.connect().execute(
            "SELECT account, type, resource_id, key, was FROM outcomes WHERE outcome = 'removed'"
        )
        assert sorted(kept_rows.fetchall()) == sorted(
            (one.account, one.type, one.id, one.key, one.before) for server in (jd, tms) for one in server.tags.history
        )

        status = work.json("status", "cleanup-2026-11")
        assert (status["pairs"], status["waiting"], status["complete"]) == ({"removed": 9_987, "absent": 3}, 0, True)

        # Back again: all but what somebody else has changed meanwhile.
        back = work.json("undo", "cleanup-2026-11", "--yes", "--expect", "9987")
        assert back["pairs"] == {"restored": 9_987}
        after = _legacy(jd, tms)
        assert after ^ before == {
            pair
            for row in changed
            for pair in before | after
            if (pair.account, pair.id, pair.key) == (row["account"], row["id"], row["key"])
        }
        assert work.json("status", back["batch"])["complete"]
