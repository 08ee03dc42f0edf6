"""How often, how long and how many: the core's numbers, each with its reason or its source. Times are in seconds.

What one cloud demands is in its provider's folder, what one platform demands in its host's.
"""

# One call

CALL_SECONDS = 10.0
"""A call's own time-out, as in JD Cloud's SDK. Huawei Cloud's waits for two minutes, which is a function's whole
life."""
SHORTEST_CALL_SECONDS = 0.5
"""No call starts with less time than this: it could not finish, and a write cut off is a write unknown."""

RETRIES = 2
"""Times that one call is made again within an invocation."""
RETRY_SECONDS = 0.2
RETRY_CAP = 2.0
"""The pause before a call is made again: full jitter, doubled each time, up to the cap."""

PATIENCE_SECONDS = 5.0
"""A call that cannot start within this time is better made by the remainder: a function that waits is paid for."""

# What follows from a call

CALLS_PER_STEP = 64
"""Calls that may follow from one planned call: enough to find 5 bad ids among 50. What is left then is deferred, and
comes again in a smaller request."""
REREADS = 3
"""Times that a resource is read again because a write was refused as stale. With so many others at it, the pairs are
better tried again later."""
CONFIRMATIONS = 4
CONFIRM_SECONDS = 2.0
"""An accepted write is read back after this pause, and again after twice the pause before: up to half a minute in all.
Azure's clients ask again after 2 to 5 seconds where an answer names no time."""
LONGEST_PAUSE_SECONDS = 30.0
"""A write that is carried out later than this is better read back by the remainder: a function that waits is paid
for."""
WAITING_CALLS = 4
"""Writes' worth of resources that wait for others to share a call after their precheck. With more, those that wait
longest are written: an invocation that could only read would get nowhere."""
MOST_TAGS = 50
"""Tags that a resource may bear; no cloud is known here that allows more. For what is not read yet."""

# An account

CLOSED_SECONDS = 300.0
"""Huawei Cloud unlocks an access key five minutes after the last refusal."""
FRESH_SECONDS = 300.0
"""How long credentials are used before they are read again, so that a rotated secret, its rate and its projects take
effect, and a removed one is not used any more."""
UNREAD_SECONDS = 5.0
"""An account whose credentials cannot be had is looked up again after this time, and not for each of its calls."""
CIRCUIT_FAILURES = 10
CIRCUIT_SECONDS = 30.0
"""So many calls in a row without an answer hold the account for so long."""
SLOWEST = 1 / 32
"""A pace never falls below this share of its rate: half of half, five times."""
RECOVERY = 1 / 20
"""The share of its rate that a pace regains with each call that is not throttled."""
THROTTLE_SECONDS = 1.0
THROTTLE_CAP = 20.0
"""How long a throttle that names no time holds an account: full jitter, doubled each time, up to the cap."""

# An invocation, and the next one

END_SECONDS = 2.0
"""An invocation ends so long before its time is over: one that is ended under way acknowledges nothing."""
REQUEST_PAIRS = 1000
"""Pairs in one request that untag writes, where the stack allows more: enough to share calls, few enough for one
report."""
SOON_SECONDS = 1.0
"""What was left for want of time comes again after up to a second."""
BACKOFF_SECONDS = 15.0
"""What was refused comes again after up to this time, doubled with each attempt."""
LONGEST_DELAY_SECONDS = 900.0
"""What is left to do waits a quarter of an hour at most."""
