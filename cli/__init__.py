"""The command `untag`."""
