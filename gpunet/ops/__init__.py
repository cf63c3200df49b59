"""Floor 1: array functions without state, each with its gradient, written once for NumPy and CuPy."""
