"""From an event that says "this resource is gone" to removal requests.

`events` understands what others say (one small translator for each kind of event), `reading` reads the tags of what is
gone, `tags` decides which of them are meant, and `service` sends the requests.
"""
