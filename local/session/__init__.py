"""A stack that commands in other processes find and control: its server, its fault switches, and real clouds."""
