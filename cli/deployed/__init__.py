"""A stack, deployed or local: what is sent to it, what lies on its queues, and what its ledger says.

`base` has what the commands ask of every stack. A folder for each host answers it.
"""
