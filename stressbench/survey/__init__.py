"""What content costs in tokens, and where (``stressbench tokens``)."""
