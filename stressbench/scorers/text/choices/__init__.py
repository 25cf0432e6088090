"""Lists, options and labels."""
