"""The template on this machine: queues, topic, bus, rules and functions. No Docker, no cloud account.

`python -m local up` starts it for a person; `local.stack.Stack` is the same thing for a test or a script.
"""
