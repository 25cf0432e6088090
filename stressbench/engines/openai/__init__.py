"""Any server with the OpenAI API: requests, streams, metrics pages."""
