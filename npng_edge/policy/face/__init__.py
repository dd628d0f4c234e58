"""From a reading to a score of this patient, and what it means: rest, look-alikes, level."""
