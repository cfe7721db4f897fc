"""What is pushed to associates: notices, gathered into digests, delivered as messages."""
