"""Floor 4: restricted Boltzmann machines: units, the machine, contrastive divergence, likelihoods."""

from .contrastive import ContrastiveDivergence
from .likelihood import LogZ, ais_log_z, exact_log_z, log_likelihood
from .machine import RBM
from .units import Bernoulli, Binomial, Gaussian, Softmax, Units

__all__ = [
    "RBM",
    "Bernoulli",
    "Binomial",
    "ContrastiveDivergence",
    "Gaussian",
    "LogZ",
    "Softmax",
    "Units",
    "ais_log_z",
    "exact_log_z",
    "log_likelihood",
]
