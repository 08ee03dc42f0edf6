"""What a person hands over: requests and sweeps in JSON, JSON lines or CSV, each checked as the functions check it."""

from cli.files.given import Given, read

__all__ = ["Given", "read"]
