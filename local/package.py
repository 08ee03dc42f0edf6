"""Makes the shared package importable: it lies where the layer has it."""

import sys

from local import ROOT


def find() -> None:
    """After this, `import untag` finds the package."""
    folder = str(ROOT / "layers" / "untag" / "python")
    if folder not in sys.path:
        # In front: an environment may have the package of another checkout.
        sys.path.insert(0, folder)
