"""Time and chance."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from untag.core import Timing


@given(st.floats(0.0, 1.0), st.floats(0.001, 100.0), st.integers(0, 10_000), st.floats(0.001, 1000.0))
def test_jitter_is_anything_up_to_the_base_doubled_each_time_and_never_past_the_cap(
    chance: float, base: float, number: int, cap: float
) -> None:
    jitter = Timing(chance=lambda: chance).jitter(base, number, cap)
    assert 0.0 <= jitter <= cap
    assert jitter == chance * min(cap, base * 2.0 ** min(number, 60))


def test_without_a_replacement_time_is_the_machines() -> None:
    timing = Timing()
    before = timing.monotonic()
    asyncio.run(timing.sleep(0.0))  # type: ignore[arg-type]
    assert timing.monotonic() >= before
    assert timing.now() > 1_700_000_000
    assert 0.0 <= timing.chance() < 1.0
    assert len({timing.chance() for _ in range(10)}) > 1
