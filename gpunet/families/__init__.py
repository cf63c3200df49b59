"""What can be trained: one file for each family of models, with its section of the configuration and its answers.

A family that comes with gpunet is a file here and a name in ``FAMILIES``; one of your own is passed where files are
read, see :class:`Family`.
"""

from .activations import ACTIVATIONS, Activation, usual_initializer
from .autoencoder import AutoencoderConfig
from .base import Family, Layerwise
from .classdbm import ClassDBMConfig
from .classrbm import ClassRBMConfig
from .convautoencoder import ConvAutoencoderConfig
from .convnet import ConvNetConfig
from .dbm import DBMConfig
from .dbmmlp import DBMMLPConfig
from .dbn import DBNConfig
from .images import ImageFamily
from .layers import LayersConfig
from .machines import GenerativeConfig, MachineConfig, check_visible
from .mlp import MLPConfig
from .rbm import RBMConfig
from .resmlp import ResMLPConfig
from .resnet import ResNetConfig
from .updown import UpDownConfig

FAMILIES: tuple[type[Family], ...] = (
    MLPConfig,
    LayersConfig,
    ConvNetConfig,
    ResNetConfig,
    ResMLPConfig,
    AutoencoderConfig,
    ConvAutoencoderConfig,
    RBMConfig,
    ClassRBMConfig,
    DBNConfig,
    UpDownConfig,
    DBMConfig,
    ClassDBMConfig,
    DBMMLPConfig,
)

__all__ = [
    "ACTIVATIONS",
    "FAMILIES",
    "Activation",
    "AutoencoderConfig",
    "ClassDBMConfig",
    "ClassRBMConfig",
    "ConvAutoencoderConfig",
    "ConvNetConfig",
    "DBMConfig",
    "DBMMLPConfig",
    "DBNConfig",
    "Family",
    "GenerativeConfig",
    "ImageFamily",
    "LayersConfig",
    "Layerwise",
    "MLPConfig",
    "MachineConfig",
    "RBMConfig",
    "ResMLPConfig",
    "ResNetConfig",
    "UpDownConfig",
    "check_visible",
    "usual_initializer",
]
