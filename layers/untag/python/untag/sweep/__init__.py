"""From a schedule's rules to removal requests: which resources bear which tags, asked of the clouds themselves.

`patterns` and `rules` are what a rule says, `state` is how far a sweep is (it travels from one invocation to the next),
`listing` makes the calls, `walk` asks for what it finds at a place, `grace` keeps what goes later, `summary` sums up,
and `service` carries it out within the time there is.
"""
