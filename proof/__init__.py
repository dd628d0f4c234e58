"""Proof that nothing is lost: the real product against a real broker, with real faults. Not installed on a device."""
