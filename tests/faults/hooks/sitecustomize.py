"""Runs before a function does, in its process: makes its time pass faster, kills it on command, and plants bugs.

The campaign puts this folder on the import path of the functions' processes, and nothing else does. A mistake in here
ends the process, so that no run is mistaken for one with a hook in it.
"""

import os
import sys
import traceback

if "CAMPAIGN_SPEED" in os.environ:
    try:
        import campaign_hooks

        campaign_hooks.install(os.environ)
    except BaseException:  # noqa: BLE001 - the interpreter would go on without the hooks
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(97)
