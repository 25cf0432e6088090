"""Results in words: how numbers, outcomes and machines are written, whatever the format."""
