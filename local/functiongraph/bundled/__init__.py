"""Libraries that the runtime brings along, as they stand before a function's own on its path."""
