"""Floor 2: data sets on the device, and what is done to their features on the way into a batch."""

from .feed import Feed
from .preprocessing import Preprocessing, fit_preprocessing

__all__ = ["Feed", "Preprocessing", "fit_preprocessing"]
