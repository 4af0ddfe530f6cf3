"""The catalog's schema, version by version.

Rules: a migration runs in one transaction; on `shot` it may only add columns with a constant default, because
anything else copies the largest table; `schema.py` shows the result (a test compares the two).
"""
