"""Lambda on this machine: a function's pool of processes, each with the real runtime client behind a Runtime API."""
