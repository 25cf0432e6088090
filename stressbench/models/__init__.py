"""Where a model's files come from: the built-in reference pair, the cache, local paths."""
