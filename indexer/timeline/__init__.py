"""Timelines: what a user's shots tell of what happened.  Pure: it knows neither a catalog nor a storage."""
