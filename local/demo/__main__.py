"""`python -m local.demo`."""

import sys

from local.terminal import interrupts


def main() -> int:
    """Run the demo; 0 only if reports and clouds agree."""
    with interrupts.ends_at_once():
        from local.demo import story  # noqa: PLC0415 - it takes most of a second
    try:
        return story.run()
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return interrupts.STATUS


if __name__ == "__main__":
    sys.exit(main())
