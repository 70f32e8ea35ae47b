"""Benchmarks: `make bench` runs them all and prints ratios measured in one run.

Absolute times tell of the machine, ratios tell of the code. Each module here measures one
promise and yields `Ratio`s; nothing in the tests depends on time.
"""
