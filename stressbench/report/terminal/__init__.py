"""Reports as tables and small plots in a terminal."""
