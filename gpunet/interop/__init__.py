"""What makes gpunet's models parts of other libraries: estimators of scikit-learn."""

from .mlp import MLPClassifier, MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
