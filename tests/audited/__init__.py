"""The audit step, run as its users run it."""
