"""How the columns that metrics need are read from a result file."""
