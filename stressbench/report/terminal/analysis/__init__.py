"""What the analysis commands print: comparison, history, prediction, routing instability."""
