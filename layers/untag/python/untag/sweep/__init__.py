"""From a schedule's rules to removal requests: which resources bear which tags, asked of the clouds themselves.

`patterns` and `rules` are what a rule says, `state` how far a sweep is (it travels in a message from one invocation to
the next), `listing` makes the calls, `walk` goes through a rule's places and asks for what it finds there, and
`service` carries it out within the time there is.
"""
