"""A stand-in for Agora's screenshot capture: it takes start requests, and pictures of users who do not exist."""
