"""Array functions without state, each with its gradient, written once for NumPy and CuPy."""
