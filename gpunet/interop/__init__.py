"""What makes gpunet's models parts of other libraries: estimators of scikit-learn."""

from .autoencoding import AutoencoderTransformer
from .bernoulli import BernoulliRBM
from .machines import RBMTransformer
from .mlp import MLPClassifier, MLPRegressor
from .stacks import DBNClassifier, DBNTransformer

__all__ = [
    "AutoencoderTransformer",
    "BernoulliRBM",
    "DBNClassifier",
    "DBNTransformer",
    "MLPClassifier",
    "MLPRegressor",
    "RBMTransformer",
]
