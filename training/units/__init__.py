"""The action-unit model: what it is taught with, how, and the graph that is shipped."""
