"""``python -m gpunet.cli``."""

from . import main

main()
