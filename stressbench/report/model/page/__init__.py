"""What the page shows beyond one run: comparisons, and a sample of cases with their texts."""
