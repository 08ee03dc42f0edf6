"""A stack, deployed or local: what is sent to it, what lies on its queues, and what its ledger says."""
