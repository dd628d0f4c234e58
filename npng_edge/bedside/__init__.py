"""The thread that decides and tells, and what it needs for that."""
