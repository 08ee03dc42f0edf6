"""`make demo`: the main job, from events to reports, on this machine, with an account of it at the end."""
