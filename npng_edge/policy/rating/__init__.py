"""What the patient says of the pain, what the face shows then, and where the alarm follows from it."""
