"""Maps the top-level folders ``cli`` and ``datasets`` into the package; everything else is in pyproject.toml.

A top-level import name ``datasets`` or ``cli`` would overwrite other people's packages, so none is ever installed.
"""

from setuptools import find_packages, setup

MAPPED = {"gpunet.cli": "cli", "gpunet.datasets": "datasets"}

packages = find_packages(include=["gpunet", "gpunet.*"])
for name, folder in MAPPED.items():
    packages += [name, *(f"{name}.{sub}" for sub in find_packages(folder))]

setup(packages=packages, package_dir=MAPPED)
