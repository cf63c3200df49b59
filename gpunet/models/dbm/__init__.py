"""Deep Boltzmann machines: the levels, the restricted machines that stand for them, mean field, learning."""

from .finetuning import PosteriorMLP
from .labelled import LabelledDBM
from .learning import LabelledLearning, VariationalLearning
from .levels import Level, level_input
from .machine import DBM
from .mean_field import Posterior, differentiable, free_energy, settle
from .sides import Doubled, Sides

__all__ = [
    "DBM",
    "Doubled",
    "LabelledDBM",
    "LabelledLearning",
    "Level",
    "Posterior",
    "PosteriorMLP",
    "Sides",
    "VariationalLearning",
    "differentiable",
    "free_energy",
    "level_input",
    "settle",
]
