"""Two sets of records, paired, with a verdict."""
