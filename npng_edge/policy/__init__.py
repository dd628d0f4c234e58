"""From readings to alarms: pure functions and small state machines, time passed in, no I/O."""
