"""The process at hand as a host: results go to files of JSON lines, and remainders wait in memory.

No queue, no topic, no account at AWS: credentials come from the environment or from a file.
"""

from untag.hosts.here.begun import Begun
from untag.hosts.here.host import Here, Waiting
from untag.hosts.here.lines import append
from untag.hosts.here.running import carry_out

__all__ = ["Begun", "Here", "Waiting", "append", "carry_out"]
