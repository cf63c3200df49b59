"""Estimators for scikit-learn: networks and machines of gpunet in pipelines, searches and cross-validation.

They follow scikit-learn's conventions, train through :func:`gpunet.train`, and keep what they trained as ``model_``.
They need scikit-learn: ``pip install 'gpunet[sklearn]'``.
"""

try:
    import sklearn  # noqa: F401
except ImportError as error:
    raise ImportError("gpunet.sklearn: needs scikit-learn. pip install 'gpunet[sklearn]'.") from error

from .interop import (
    AutoencoderTransformer,
    BernoulliRBM,
    DBNClassifier,
    DBNTransformer,
    MLPClassifier,
    MLPRegressor,
    RBMTransformer,
)

__all__ = [
    "AutoencoderTransformer",
    "BernoulliRBM",
    "DBNClassifier",
    "DBNTransformer",
    "MLPClassifier",
    "MLPRegressor",
    "RBMTransformer",
]
