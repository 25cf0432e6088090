"""The command line: parses, calls, prints; the one error boundary."""
