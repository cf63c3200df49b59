"""What the files in the folder of a run are called."""

BEST = "best.h5"  # the best weights, with what the run came to
LAST, PREVIOUS = "last.h5", "last.previous.h5"  # the state that training goes on from, and the one before it
CONFIG = "config.toml"
