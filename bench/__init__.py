"""Benchmarks: ratios and percentiles measured in one run. Nothing here is a test."""
