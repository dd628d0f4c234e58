"""Sound and light at the bed itself, for the time in which no nurse station can be reached."""
