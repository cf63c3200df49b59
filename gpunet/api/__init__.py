"""The Python front door: train, fit, search, resume, load and profile, and what they return."""

from .autoencoder import Autoencoder
from .ensemble import Ensemble
from .ensembling import train_ensemble
from .fitting import fit
from .history import History
from .loading import load
from .log_likelihood import LogLikelihood
from .machine import Machine
from .network import Network
from .profiling import profile
from .results import Result
from .resuming import resume
from .searching import SearchResult, search
from .training import train

__all__ = [
    "Autoencoder",
    "Ensemble",
    "History",
    "LogLikelihood",
    "Machine",
    "Network",
    "Result",
    "SearchResult",
    "fit",
    "load",
    "profile",
    "resume",
    "search",
    "train",
    "train_ensemble",
]
