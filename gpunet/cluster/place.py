"""Where a cluster is: the address of its scheduler, or this machine."""

import re
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from ..errors import ConfigError, shortened

NAME = "dask"  # of the option and the argument
EXAMPLE = "For example tcp://10.0.0.1:8786, or local:4"
SCHEMES = ("tcp", "tls", "ucx", "ws", "wss")
MOST = 1024  # workers on one machine


@dataclass(frozen=True)
class Local:
    """So many workers on this machine, as processes of their own."""

    count: int


def place_of(text: str) -> Local | str:
    """What ``tcp://HOST:PORT`` or ``local:N`` says.

    Returns:
        Workers on this machine, or the address of a scheduler.

    Raises:
        ConfigError: something else.

    >>> place_of("local:4"), place_of("node1:8786")
    (Local(count=4), 'tcp://node1:8786')
    """
    rule = "must be the address of a Dask scheduler, or local:N"
    if not isinstance(text, str):
        raise ConfigError(NAME, rule, shortened(repr(text)), EXAMPLE)
    if text == "local" or text.startswith("local:"):
        count = text.removeprefix("local").removeprefix(":")
        if not re.fullmatch(r"[0-9]{1,4}", count) or not 1 <= int(count) <= MOST:
            rule = f"must say how many workers this machine is to have, from 1 to {MOST:,}"
            raise ConfigError(NAME, rule, shortened(text), "For example local:4")
        return Local(int(count))
    found = re.fullmatch(r"(?:([a-z]+)://)?([^\s:/@]+|\[[0-9a-fA-F:.]+\]):([0-9]{1,5})/?", text)
    if found is None or (found[1] or "tcp") not in SCHEMES or not 0 < int(found[3]) < 65536:
        raise ConfigError(NAME, rule, shortened(text), EXAMPLE)
    return f"{found[1] or 'tcp'}://{found[2]}:{found[3]}"


def require_distributed() -> Any:
    """Dask's ``distributed``, loaded when it is first needed.

    Raises:
        ConfigError: it is not installed.
    """
    if find_spec("distributed") is None:
        remedy = "Install the extra with pip install 'gpunet[distributed]'"
        raise ConfigError(NAME, "needs the package distributed", "none", remedy)
    import distributed

    return distributed
