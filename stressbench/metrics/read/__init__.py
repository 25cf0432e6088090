"""Reading the columns that metrics need from a result file."""
