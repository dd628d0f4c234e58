"""Alarm conditions: the table, evidence over time, what staff do about them."""
