"""vLLM in this process: AsyncLLM, its arguments, its log, and one reading per scheduler step."""
