"""The process at hand as a host: results go into a folder of JSON lines, and what is left to do waits here.

No queue, no topic, no account at AWS: credentials come from the environment or from a file.
"""

from untag.hosts.here.begun import Begun
from untag.hosts.here.host import Here, Waiting
from untag.hosts.here.running import carry_out
from untag.hosts.here.runtime import HereRuntime

__all__ = ["Begun", "Here", "HereRuntime", "Waiting", "carry_out"]
