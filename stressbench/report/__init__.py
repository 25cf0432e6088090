"""Ways to show records and comparisons, one file each."""
