"""How a campaign's time is cut short, and how much of everything there is in it."""

SPEED = 20.0
"""How many times as fast time passes inside the functions: their time-outs, pauses and deadlines, all alike."""
FUNCTION_SECONDS = 6.0
SLACK_SECONDS = 1.0
"""What a function has and does not know of: the machine's own slowness does not pass as fast as the functions' time.
Without it a busy machine ends functions whose remainders are sent and whose records are not acknowledged. Then messages
multiply until nothing else is done."""
VISIBILITY_SECONDS = 7.0
CALM_VISIBILITY_SECONDS = 6.0
"""While no function hangs, and messages only come back because it died or could not deliver."""
POISON_VISIBILITY_SECONDS = 12.0
"""While a record kills its process: a new process takes seconds to start, which pass no faster, and a record that two
processes hold is put back by both. On AWS a queue hides a message for six times a function's time."""
SHORT_VISIBILITY_SECONDS = 2.0
"""While there is but one message left, or little to do."""
MAX_DELAY_SECONDS = 1.0
QUEUE_SECONDS = 750.0
"""The template's visibility timeout."""
OUTAGE_SHARE = 0.8
"""Ten minutes in visibility timeouts of a queue that hides messages for 750 seconds."""
CIRCUIT_SECONDS = 30.0
"""How long a circuit stays open, in the functions' own time: core/limits.py."""
FRESH_SECONDS = 300.0
"""How long a secret is used before it is read again, in the functions' own time: core/limits.py."""
ENVIRONMENTS = 4
CONCURRENCY = 8
OUTAGE_SECONDS = 60.0
"""The total outage, in the functions' own time."""
LATE_SECONDS = 20.0
"""How much later than the key the secret is changed in the slovenly rotation, in the functions' own time."""
ROTATION_SLACK_SECONDS = 60.0
"""For a call that was begun just before its secret was to be read again, on a machine that has much to do; in the
functions' own time."""
KILLERS = 3
"""Records that kill the process. Were their neighbours to go down with each, SQS would bury these before the last."""
NEIGHBOURS = 24
"""Requests in one batch with them."""
