"""Whether networks go together in one ensemble."""

from collections.abc import Sequence
from typing import Any

from ..checkpoint import MEMORY
from ..errors import CheckpointError
from .network import Network
from .results import Result


def agree(networks: Sequence[Network]) -> None:
    """Refuse networks whose predictions would not add up.

    Raises:
        CheckpointError: where one differs from the first.
    """
    first = networks[0]
    for number, network in enumerate(networks[1:], 1):
        for rule, of_first, own in _compared(first, network):
            if of_first != own:
                raise CheckpointError(name_of(network, number), rule, own, f"The first has {of_first}")


def _compared(first: Network, other: Network) -> list[tuple[str, str, str]]:
    def shown(values: Sequence[Any]) -> str:
        return ", ".join(map(str, values[:20])) + (", ..." if len(values) > 20 else "") if len(values) else "none"

    a, b = first.description, other.description
    # Each reads tables by its own contract, so that their columns may differ in order and in number.
    apart = all(about.contract.named and about.contract.codes and not about.vocabulary for about in (a, b))
    kinds = [("features" if network.reconstructs else "targets") for network in (first, other)]
    inputs = [
        ("must have inputs of the shape of the first", shown(a.input_shape), shown(b.input_shape)),
        ("must have the columns of the first", shown(a.columns), shown(b.columns)),
    ]
    return [
        ("must predict what the first does", kinds[0], kinds[1]),
        ("must have the classes of the first", shown(a.classes), shown(b.classes)),
        *([] if apart else inputs),
        ("must know the words of the first", shown(a.vocabulary), shown(b.vocabulary)),
        ("must have as many targets as the first", str(a.outputs), str(b.outputs)),
        ("must have outputs that mean what those of the first do", first.meaning, other.meaning),
    ]


def name_of(network: Result, number: int) -> str:
    """Where a network comes from: its run or file, or its number."""
    path = network.run or network.trained.checkpoint.path
    return f"network {number}" if path == MEMORY else str(path)
