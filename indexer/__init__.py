"""Catalog the screenshots of Agora Cloud Recording and look them up.  What is public is imported when it is used."""

__version__ = "0.1.0"
