"""Made-up patients run through the real policy, to see what it does. Not on a device; no result is clinical."""
