"""The process at hand as a host: results go to files of JSON lines, and remainders wait in memory.

No queue, no topic, no account at AWS: credentials come from the environment or from a file.
"""

from untag.hosts.here.host import Here, Waiting
from untag.hosts.here.lines import append
from untag.hosts.here.running import carry_out
from untag.hosts.here.write_log import WriteLog

__all__ = ["Here", "Waiting", "WriteLog", "append", "carry_out"]
