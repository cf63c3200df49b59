"""The Python front door: train, fit, resume and load, and what they return."""

from .ensemble import Ensemble
from .ensembling import train_ensemble
from .fitting import fit
from .history import History
from .loading import load
from .machine import LogLikelihood, Machine
from .network import Autoencoder, Network
from .results import Result
from .resuming import resume
from .training import train

__all__ = [
    "Autoencoder",
    "Ensemble",
    "History",
    "LogLikelihood",
    "Machine",
    "Network",
    "Result",
    "fit",
    "load",
    "resume",
    "train",
    "train_ensemble",
]
