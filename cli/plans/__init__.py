"""Plans: which pairs would be removed, read at the clouds; kept in files; carried out as they were seen.

`rows` keeps pairs while a command runs, `reading` asks the clouds, `written` is a plan as files, `requests` makes
removal requests of a plan's rows, `drift` says what has changed since, and `keys` counts the keys in use.
"""
