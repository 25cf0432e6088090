"""Statistics of what follows in time: loads, repeats, nights."""
