"""``python -m gpunet.cli``."""

from .app import main

main()
