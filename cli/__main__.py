"""``python -m gpunet.cli``."""

from .program import run

if __name__ == "__main__":
    run()
