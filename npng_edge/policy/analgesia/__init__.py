"""Requests for a bolus: the order, the ledger, and everything that forbids one."""
