"""`python -m npng_edge` is `npng-edge`."""

from npng_edge.cli import app

app()
