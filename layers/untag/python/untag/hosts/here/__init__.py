"""The process at hand as a host: results go into a folder of JSON lines, and what is left to do waits here.

No queue, no topic, no account at AWS: credentials come from the environment or from a file.
"""

from untag.hosts.here.begun import Begun
from untag.hosts.here.host import Here, Waiting
from untag.hosts.here.running import carry_out

__all__ = ["Begun", "Here", "Waiting", "carry_out"]
