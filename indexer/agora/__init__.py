"""What Agora Cloud Recording writes and expects.  `names` decodes object keys."""
