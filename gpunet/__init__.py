"""gpunet: a GPU-native mini framework for neural networks and layer-wise pretraining."""

__version__ = "0.1.0"
