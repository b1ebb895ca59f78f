"""Benchmarks: ratios from one run on this machine, never absolute promises."""
