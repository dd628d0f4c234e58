"""Pain, seen in one picture and in the last seconds: rendered films, both heads, their export, evaluation and cards."""
