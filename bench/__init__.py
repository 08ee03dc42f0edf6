"""The benchmark: ours and the vendors' SDKs in turn, on the same work, against the same local servers."""
