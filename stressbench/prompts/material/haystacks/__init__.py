"""Text to hide a fact in: prose, near-duplicates, records, and a user's own corpus."""
