"""What sequences ask of a configuration: visible units with as many states as there are letters."""

from ..config import Config, override
from ..errors import ConfigError
from ..families.machines import GenerativeConfig
from ..rbm import Bernoulli, Softmax
from ..vocabulary import target

PSEUDOCOUNT = 1.0  # sequences of letters that are spread evenly


def suited(config: Config, alphabet: str) -> Config:
    """The configuration of a machine of sequences: softmax visible units, one for each letter at each site.

    Bernoulli units, which is what visible units are where nobody chose some, and softmax units in pairs become softmax
    units in groups of as many as there are letters, whose fields start from the letters' frequencies with a pseudocount
    of one sequence.  All other models and data are left as they are.

    Args:
        config: of a run.
        alphabet: letters of its sequences; empty where its data are none.

    Raises:
        ConfigError: units of another kind or in groups of another size.

    >>> from ..config import load_config
    >>> suited(load_config("rbm", {}, {}), "-ACGU").model.visible_units.group
    5
    """
    model = config.model
    if not alphabet or not isinstance(model, GenerativeConfig):
        return config
    units, states = target(type(model.visible_units)), len(alphabet)
    group = getattr(model.visible_units, "group", None)
    if units is Softmax and group == states:
        return config
    if units is Bernoulli or (units is Softmax and group == 2):
        pseudocount = getattr(model.visible_units, "pseudocount", 0.0) or PSEUDOCOUNT
        made = {"name": "softmax", "group": states, "pseudocount": pseudocount}
        return override(config, {"model.visible_units": made})
    said = f"softmax in groups of {group}" if units is Softmax else str(getattr(model.visible_units, "name", units))
    rule = f"must be softmax in groups of {states} for sequences of {states} letters"
    raise ConfigError("visible_units", rule, said, "Leave it out")
