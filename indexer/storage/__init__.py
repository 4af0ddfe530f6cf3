"""Where objects live: S3-compatible buckets, a local folder, memory; one contract for the three."""
