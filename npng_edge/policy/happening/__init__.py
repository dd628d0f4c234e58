"""Episodes of pain: what came before, how it went, what a dose did."""
