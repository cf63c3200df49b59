"""Looking at what was trained: portraits, pictures, samples, signals, statistics, differences, gradient checks.

Its files are imported one by one: some need a whole run, others a checkpoint and nothing that made it.
"""
