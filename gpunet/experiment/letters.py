"""What sequences ask of a configuration: visible units with as many states as there are letters."""

from ..config import Config, override


def suited(config: Config, alphabet: str) -> Config:
    """The configuration with what its family says for sequences; all other data leave it as it is.

    Args:
        config: of a run.
        alphabet: letters of its sequences; empty where its data are none.

    Raises:
        ConfigError: units that do not suit sequences.

    >>> from ..config import load_config
    >>> suited(load_config("rbm", {}, {}), "-ACGU").model.visible_units.group
    5
    """
    values = config.model.of_sequences(len(alphabet)) if alphabet else {}
    return override(config, {f"model.{key}": value for key, value in values.items()}) if values else config
