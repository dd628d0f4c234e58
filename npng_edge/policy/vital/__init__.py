"""Vital signs: what is fresh, NEWS2, this patient's own trend, and the bed's rank in the ward."""
