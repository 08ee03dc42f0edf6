"""Where the functions run: a folder for each host, and `base`, all that the functions know of a host.

`base` is on a lower floor than the functions, the hosts on a higher one.
"""
