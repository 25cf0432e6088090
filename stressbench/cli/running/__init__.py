"""What ``stressbench run`` does with the suites that it has read."""
