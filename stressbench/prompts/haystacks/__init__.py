"""Text to hide a fact in: prose, records, near-duplicates, and a user's own corpus."""
