"""From an event that says "this resource is gone" to removal requests.

`events` understands what others say, `reading` reads the tags of what is gone, `tags` decides which are meant, and
`service` sends the requests.
"""
