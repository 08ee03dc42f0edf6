"""What follows the storm: a rotation that no cloud tells of, an outage, a record that kills the process, a topic that
is down; and, in fair weather, every dead letter sent again.
"""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pairs import Asked, pairs_of, rows_of, unwrapped
from report_laws import BAD
from scale import (
    CALM_VISIBILITY_SECONDS,
    CIRCUIT_SECONDS,
    CONCURRENCY,
    ENVIRONMENTS,
    KILLERS,
    NEIGHBOURS,
    OUTAGE_SECONDS,
    POISON_VISIBILITY_SECONDS,
    SHORT_VISIBILITY_SECONDS,
    SPEED,
    VISIBILITY_SECONDS,
)
from workload import Place, neighbours

from local.stack import DeadLetter

if TYPE_CHECKING:
    from campaign import Campaign


def rotation(campaign: "Campaign") -> None:
    """A replaced key whose old one stays good, and a secret that is taken away: neither is used for long."""
    campaign.calm()
    campaign.rotation.end()


def outage(campaign: "Campaign") -> None:
    """No call is answered for a minute, while there is work for hundreds of them: the circuit opens."""
    campaign.calm()
    server = campaign.stack.providers["huaweicloud-config"]
    place = Place(server.name, "blue", "", "config:aggregators")
    tags = [{"key": "env", "value": "prod"}]
    requests = [
        place.request([f"dark-{number}-{n}" for n in range(10)], tags, id=f"dark-{number}") for number in range(40)
    ]
    dark = server.faults.add("unavailable")
    before = len(server.calls)
    campaign.ask(requests)
    end = time.monotonic() + 10.0
    while len(server.calls) == before and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(OUTAGE_SECONDS / SPEED)
    dark.times = 0
    made = len(server.calls) - before
    # In each process ten until it opens and what is in flight then, and what is in flight at each later try.
    bound = ENVIRONMENTS * (10 + CONCURRENCY * (1 + int(OUTAGE_SECONDS / CIRCUIT_SECONDS)))
    campaign.outcome.figures |= {
        "calls during a minute's outage with work for 400": made,
        "bound of calls during that outage": bound,
    }
    if made > bound:
        campaign.outcome.add({"the circuit does not open": [f"{made} calls, {bound} would be enough"]})
    campaign.stack.drain(campaign.patience)


def poison(campaign: "Campaign") -> None:
    """Records that kill the process, again and again, among neighbours that share their calls."""
    campaign.stack.aws.queues.visibility_timeout = POISON_VISIBILITY_SECONDS
    (campaign.flags / "killers").touch()
    # Few enough that they can be worked at one by one before they come back: the queue's time is cut short, the
    # processes' is not.
    around = list(neighbours(NEIGHBOURS, "beside"))
    killers = list(neighbours(KILLERS, "i-killer"))
    campaign.ask([*killers, *around])  # the killers are begun first, when their turn comes one by one
    end = time.monotonic() + campaign.patience
    # What waits is counted first, with a pause: moto and the clouds run in this process, and have to get their turn.
    while _waiting(campaign) > KILLERS or _some_without_an_end(campaign, "beside", NEIGHBOURS):
        if time.monotonic() > end:
            break
    # Only the killers are left, and go to the dead letters by SQS's own redrive. With more on the queue that had to
    # be hidden for as long as a function has: else two hold the same records, and each puts them back.
    campaign.stack.aws.queues.visibility_timeout = SHORT_VISIBILITY_SECONDS
    campaign.stack.drain(campaign.patience)
    campaign.stack.aws.queues.visibility_timeout = CALM_VISIBILITY_SECONDS
    (campaign.flags / "killers").unlink()
    crashed = {request["id"] for letter in campaign.trouble().buried for request in unwrapped(letter.body)}
    beside = sorted(id_ for id_ in crashed if id_.startswith("beside"))
    if beside:
        campaign.outcome.add({"neighbours taken along by a killer": beside})
    if missing := sorted({request["id"] for request in killers} - crashed):
        campaign.outcome.add({"a killer that left no letter": missing})
    campaign.outcome.figures["neighbours of a killer on the dead-letter queue"] = len(beside)


def _some_without_an_end(campaign: "Campaign", prefix: str, count: int) -> bool:
    """Whether some of these requests have neither a report nor a dead letter."""
    reported = {report["id"] for report in campaign.stack.reports()[-500:] if report["id"].startswith(prefix)}
    dead = {request["id"] for letter in campaign.stack.dead_letters() for request in unwrapped(letter.body)}
    return len(reported | {id_ for id_ in dead if id_.startswith(prefix)}) < count


def topic(campaign: "Campaign") -> None:
    """The topic is down while a cloud throttles, so that each receive has a remainder that it could send."""
    slow = list(neighbours(20, "i-slow", account="green"))
    fault = campaign.stack.providers["jdcloud"].faults.add("throttle", ids=("i-slow-*",))
    with campaign.stack.paused():
        campaign.ask(slow)
    began = time.monotonic()
    with campaign.stack.outage("sns"):
        time.sleep(VISIBILITY_SECONDS * 0.8)  # ten minutes of a queue that hides messages for 750 seconds
        campaign.outcome.figures["topic outage, queue seconds"] = round(
            (time.monotonic() - began) / VISIBILITY_SECONDS * 750
        )
        # What was put back unbegun is on its queue twice for a moment, before it is deleted.
        end = time.monotonic() + 3.0
        while (grown := _waiting(campaign) - len(slow)) > 0 and time.monotonic() < end:
            time.sleep(0.05)
    fault.times = 0
    campaign.stack.drain(campaign.patience)
    campaign.outcome.figures["messages added to the work queue while the topic was down"] = grown
    if grown > 0:
        campaign.outcome.add({"messages multiply while the topic is down": [f"{grown} for {len(slow)} requests"]})


def _waiting(campaign: "Campaign") -> int:
    """Messages on the work queue, in a moment."""
    time.sleep(0.1)
    return campaign.stack.queues()["WorkQueue"].total


def redrive(campaign: "Campaign") -> None:
    """Fair weather, and every dead letter but the invalid ones is sent again unchanged."""
    campaign.calm()
    campaign.draw_up("before the redrive")
    letters = [letter for letter in campaign.stack.dead_letters() if letter.attributes.get("code") != "invalid"]
    known, trouble = len(campaign.stack.reports()), campaign.trouble()
    again = _asked(letters)
    before = {letter.message_id for letter in letters}
    campaign.send(letter.body for letter in letters)
    campaign.stack.drain(campaign.patience)
    reports = campaign.stack.reports()[known:]
    rows = [row for report in reports for row in rows_of(report)]
    held = {report["id"] for report in reports if "held_back" in report}
    ended = {asked for asked, _ in rows} | {asked for asked in again if asked.request in held}
    buried = _asked([letter for letter in campaign.trouble().buried if letter.message_id not in before])
    without_end = again - ended
    campaign.outcome.figures |= {
        "dead letters redriven": len(letters),
        "pairs in them": len(again),
        "of these failed again": sum(row["outcome"] in BAD for _, row in rows),
        **campaign.trouble().since(trouble, "redrive"),
    }
    campaign.draw_up("after the redrive", last=True)
    # Every pair has its outcome now; a dead letter is no excuse any more, and has a reason of its own.
    lost = campaign.account.asked - set(campaign.account.terminal)
    broken = {
        "redriven, and buried once more by SQS after its last receive": without_end & buried,
        "redriven without an end": without_end - buried,
        "lost after all": lost - buried,
    }
    campaign.outcome.add({law: sorted(map(str, pairs)) for law, pairs in broken.items() if pairs})
    campaign.outcome.figures |= {
        f"tags removed: {name.replace('_', ' ')}": count for name, count in campaign.account.removals._asdict().items()
    }


def _asked(letters: list[DeadLetter]) -> set[Asked]:
    return {
        Asked(request["id"], pair)
        for letter in letters
        for request in unwrapped(letter.body)
        for pair in pairs_of(request)
    }


PHASES: Mapping[str, Callable[["Campaign"], None]] = {
    "rotation": rotation,
    "outage": outage,
    "poison": poison,
    "topic": topic,
    "redrive": redrive,
}
