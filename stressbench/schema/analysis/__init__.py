"""Results of the analysis commands, as types."""
