"""From a suite to result files: plan, session, resume."""
