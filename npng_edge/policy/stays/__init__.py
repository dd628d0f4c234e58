"""One patient's stay: who lies here, what is kept, its figures and their comparison."""
