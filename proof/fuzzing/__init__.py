"""Wrong input: where it comes from, and what must be true of every piece of it."""
