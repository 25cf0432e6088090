"""Lines of a result file, as types."""
