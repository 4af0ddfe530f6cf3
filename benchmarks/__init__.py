"""Figures against a peer, a floor or a bound, one module a subject: `python -m benchmarks`.  docs/benchmarks.md says
what each of them means.
"""
