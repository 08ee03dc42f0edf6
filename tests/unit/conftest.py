"""What every unit test needs: no deadline on this machine, and the same examples in every run."""

from hypothesis import settings

settings.register_profile("untag", deadline=None, derandomize=True, max_examples=100, database=None)
settings.load_profile("untag")
