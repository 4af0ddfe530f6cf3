"""What livestills knows about a bucket, in one SQL database."""
