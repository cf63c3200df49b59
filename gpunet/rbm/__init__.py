"""Restricted Boltzmann machines: units, the machine, contrastive divergence, likelihoods."""

from .annealing import ais_log_z, model_samples, raise_log_likelihoods, reverse_ais_log_z, temperatures
from .chains import Chains, FastPersistent, FromData, Persistent, Tempered
from .classification import ClassRBM, HybridLearning
from .continuous import Gaussian, NoisyReLU
from .contrastive import ContrastiveDivergence, Sparsity
from .denoising import Denoising
from .discrete import Bernoulli, Binomial, Softmax
from .gauge import zero_sum
from .greedy import SupervisedGreedy, WithOutput
from .likelihood import LogZ, exact_log_z, log_likelihood
from .machine import RBM
from .monitors import ChainMonitors, Monitors
from .pseudo import pseudo_log_likelihood
from .spins import Couplings, Spin
from .temperature import inverse_temperature
from .trajectory import Trajectory
from .units import Units

__all__ = [
    "RBM",
    "Bernoulli",
    "Binomial",
    "ChainMonitors",
    "Chains",
    "ClassRBM",
    "ContrastiveDivergence",
    "Couplings",
    "Denoising",
    "FastPersistent",
    "FromData",
    "Gaussian",
    "HybridLearning",
    "LogZ",
    "Monitors",
    "NoisyReLU",
    "Persistent",
    "Softmax",
    "Sparsity",
    "Spin",
    "SupervisedGreedy",
    "Tempered",
    "Trajectory",
    "Units",
    "WithOutput",
    "ais_log_z",
    "exact_log_z",
    "inverse_temperature",
    "log_likelihood",
    "model_samples",
    "pseudo_log_likelihood",
    "raise_log_likelihoods",
    "reverse_ais_log_z",
    "temperatures",
    "zero_sum",
]
