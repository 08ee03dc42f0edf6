"""What happens once in a campaign, as it goes on: keys that are rotated, services that are down, a total outage."""

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from rotation import rotate
from scale import CONCURRENCY, ENVIRONMENTS, LATE_SECONDS, OUTAGE_SECONDS, SPEED

if TYPE_CHECKING:
    from collections.abc import Callable

    from campaign import Campaign


class Events:
    """Waits for the campaign to come so far, and does one thing after the other."""

    def __init__(self, campaign: "Campaign") -> None:
        self._campaign = campaign
        self.figures: dict[str, Any] = {}
        self.findings: dict[str, list[str]] = {}

    def run(self, sender: threading.Thread) -> None:
        """Everything, spread over the time for which messages are sent."""
        plan: list[tuple[float, Callable[[], None]]] = [
            (0.02, self._campaign.rotation.begin),
            (0.05, self._slovenly_rotation),
            (0.1, self._rotations_at_other_clouds),
            (0.2, self._rotation),
            (0.4, self._secrets_down),
            (0.55, self._total_outage),
            (0.75, self._topic_down),
            (0.9, self._second_rotation),
        ]
        for share, event in plan:
            while sender.is_alive() and self._progress() < share:
                time.sleep(0.02)
            event()

    def _progress(self) -> float:
        """The share of all messages that some invocation has worked at; more than all in the end."""
        worked = sum(sum(mapping.batches) for mapping in self._campaign.stack.mappings.values())
        return worked / len(self._campaign.work.bodies)

    @staticmethod
    def _wait_for(struck: "Callable[[], int]") -> None:
        """On a machine with much to do, what is to happen may take longer to meet somebody."""
        end = time.monotonic() + 10.0
        while not struck() and time.monotonic() < end:
            time.sleep(0.02)

    def _deaths(self) -> int:
        failures = [failure for mapping in self._campaign.stack.mappings.values() for failure in mapping.failures]
        return failures.count("Runtime.ExitError")

    def _rotation(self) -> None:
        rotate(self._campaign, "jdcloud", "blue", 1)

    def _rotations_at_other_clouds(self) -> None:
        for provider in ("alibabacloud", "tencentcloud", "volcengine", "aws"):
            rotate(self._campaign, provider, "blue", 4)

    def _second_rotation(self) -> None:
        rotate(self._campaign, "huaweicloud", "default", 2)

    def _slovenly_rotation(self) -> None:
        rotate(self._campaign, "huaweicloud", "blue", 3, LATE_SECONDS / SPEED)

    def _secrets_down(self) -> None:
        """Secrets Manager is down while processes have to start anew."""
        flag = self._campaign.flags / "deaths"
        flag.write_text("1.0 0.0")
        with self._campaign.stack.outage("secretsmanager"):
            time.sleep(1.0)
            self._wait_for(self._deaths)
            mix = self._campaign.mix
            flag.write_text(f"{mix.killed} {mix.hung}")
            time.sleep(1.0)
        self.figures["Secrets Manager outage, seconds"] = 2

    def _total_outage(self) -> None:
        clouds = self._campaign.clouds
        clouds.down(True)
        time.sleep(OUTAGE_SECONDS / SPEED)
        self._wait_for(lambda: clouds.outage_calls)
        clouds.down(False)
        self.figures["calls during the total outage in the storm"] = clouds.outage_calls

    def _topic_down(self) -> None:
        with self._campaign.stack.outage("sns"):
            time.sleep(2.0)
        self.figures["topic outage in the storm, seconds"] = 2

    def count_refusals(self) -> None:
        """How often a key was refused."""
        refused = Counter(
            call.access_key
            for server in self._campaign.stack.providers.values()
            for call in server.calls
            if call.code and not call.account  # its signature was not accepted
        )
        self.figures["refused after a rotation, most for one key"] = max(refused.values(), default=0)
        # What is in flight when the key goes, in each process and at each API, and one to try it again.
        bound = 2 * ENVIRONMENTS * (CONCURRENCY + 1) + 10
        for key, count in refused.items():
            if count > bound:
                self.findings.setdefault("a refused key is sent again", []).append(f"{key}: {count} times, not {bound}")
