"""Ratios against a peer or a floor, one module a subject: `python -m benchmarks.names`.  No part of the tests."""
