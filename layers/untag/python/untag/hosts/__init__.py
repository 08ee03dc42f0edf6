"""Where the functions run: a folder for each host, and `base`, all that the functions know of a host.

`base` is on a lower floor than the functions, the hosts on a higher one: a host is handed a function's work and hands
it what it needs.
"""
