"""The built-in reference pair: a dense model read from a package, a sparse one upcycled from it."""
