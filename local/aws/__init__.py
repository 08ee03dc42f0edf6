"""AWS on this machine: what a template creates of it, held to what AWS does, and how events get in and on.

`services` is moto on loopback, `strict` holds its queues, topics and buses to AWS's rules, `mappings` carries messages
to functions, `schedules` fires by the clock, and `routing` says where an event goes.
"""

from local.aws.services import Aws, free_region

__all__ = ["Aws", "free_region"]
