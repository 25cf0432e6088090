"""Any server that speaks the OpenAI API: requests, streams, metrics pages."""
