"""The command `untag`: from a file of requests to tags that are gone, and the proof of it.

`commands` has what a person types, `files` reads what they hand over, `runs` carries it out in this process.
"""
