"""Types of everything that crosses a border: suites, cases, requests, records."""
