"""The sections of the page "Diagnose a run", by their links: what is behind a symptom, and which key to change."""

PAGE = "docs/diagnose.md"
BEFORE = f"{PAGE}#before-anything-is-trained"
DIVERGED = f"{PAGE}#numbers-that-are-no-longer-finite"
NETWORKS = f"{PAGE}#networks"
MACHINES = f"{PAGE}#boltzmann-machines"
SAMPLES = f"{PAGE}#samples-of-machines"
FILES = f"{PAGE}#files-and-machines"
