"""What an ensemble gains on the data that its networks were trained on, whatever they read them from."""

from collections.abc import Sequence
from typing import Any

from ..backend import Device
from ..checkpoint import Group, in_memory
from ..ensembles import Evidence, greedy_soup, judged, report
from ..errors import ConfigError, DataError
from ..experiment import Experiment
from .agreeing import name_of
from .ensemble import Ensemble
from .ensembling import evidence_of
from .evaluation import evaluation_sets
from .loading import load_together, result_of

Worth = tuple[Evidence, Evidence]


def evidence_in(together: Ensemble, part: str, source: str | None = None) -> Evidence | None:
    """What members say about a part of the data that the first was trained on, or about all of another source.

    Args:
        together: whose networks read the data by their own contracts.
        part: ``train``, ``validation`` or ``test``.
        source: of other data.

    Returns:
        None where there is no such part, or no figures of its targets.
    """
    try:
        sets, chosen = evaluation_sets([network.trained for network in together.networks], source, part)
    except DataError as error:
        if error.rule == f"must have a {part} part":
            return None
        raise
    first = sets[0]
    weights = None if first.weights is None else first.weights[chosen]
    return together.evidence([found.x[chosen] for found in sets], first.y[chosen], weights)


def trained_report(together: Ensemble, experiment: Experiment, reference: Ensemble | None = None) -> dict[str, Any]:
    """What an ensemble that was trained on an experiment gains on its test part."""
    split = experiment.split
    evidence = [evidence_of(together, experiment, rows) for rows in (split.test, split.validation)]
    return documented(together, evidence[0], evidence[1], worth_in(reference))


def worth_in(reference: Ensemble | None) -> Worth | None:
    """What independent networks say about validation and test part of their data.

    Raises:
        ConfigError: they lack such a part.
    """
    if reference is None:
        return None
    validation, test = evidence_in(reference, "validation"), evidence_in(reference, "test")
    if validation is None or test is None:
        raise ConfigError("reference", "needs a validation and a test part", "none", "Leave it out")
    return validation, test


def documented(
    together: Ensemble, test: Evidence | None, validation: Evidence | None, worth: Worth | None = None
) -> dict[str, Any]:
    """The report of an ensemble with what is known about it.

    Args:
        together: the ensemble.
        test: what its members say about the samples to measure on; without a test part about validation.
        validation: about those that the temperature is fitted on.
        worth: what independent networks say about the same two.

    Raises:
        ConfigError: neither, or a reference on other samples.
    """
    measured = validation if test is None else test
    if measured is None:
        raise ConfigError("ensemble", "needs a test or validation part to report on", "none", "Set validation=0.15")
    if worth is not None and (
        validation is None
        or [len(one.outcome.target) for one in worth] != [len(one.outcome.target) for one in (validation, measured)]
        or (worth[1].outcome.target != measured.outcome.target).any()
    ):
        remedy = "Name runs on the same data and parts"
        raise ConfigError("reference", "must be measured on the same samples", "others", remedy)
    found = report(measured, validation, together.combination, worth)
    return {
        "data": together.networks[0].description.name,
        "method": together.method,
        "size": len(together),
        "part": "validation" if test is None else "test",
        **found,
        "facts": dict(together.facts),
        "names": [name_of(member, number) for number, member in enumerate(together.networks)],
        **_differing(together),
    }


def _differing(together: Ensemble) -> dict[str, Any]:
    """The seed of each member, and by dotted key what it differs in besides, where members do."""
    seeds, settings = [], []
    for network in together.networks:
        own = network.seeds
        for member in network.trained.predicting:
            values = {key: several.of(member, len(own)) for key, several in network.trained.begun.by_member.items()}
            seeds.append(own[member])
            settings.append(
                {k: v.model_dump(mode="json") if hasattr(v, "model_dump") else v for k, v in values.items()}
            )
    return {"seeds": seeds, **({"settings": settings} if any(settings) else {})}


def reference_of(paths: Sequence[str], device: Device) -> Ensemble | None:
    """The independent networks of checkpoints, or None where there are none."""
    return load_together(paths, device) if paths else None


def soup_of(library: Ensemble, device: Device) -> Ensemble:
    """One network: the mean of the weights of those that do not make it worse on validation, beginning with the best.

    Args:
        library: whose members are tried.
        device: where they are.

    Raises:
        CheckpointError: networks of other shapes.
        ConfigError: no validation part.
    """
    members = library.members
    families = members[0].config.families

    def network(content: Group) -> Any:
        return result_of(in_memory(content, members[0].checkpoint.path), device, families=families)

    def judge(content: Group) -> tuple[float, float]:
        found = evidence_in(Ensemble([network(content)]), "validation")
        if found is None:
            raise ConfigError("soup", "needs a validation part to choose on", "none", "Use all instead")
        return judged(found.said(found.outputs.mean(axis=0)))

    contents = [member.checkpoint.root for member in members]
    mean, taken, scores = greedy_soup(contents, judge, [name_of(one, k) for k, one in enumerate(members)])
    names = [f"{name_of(members[number], number)}, seed {members[number].seeds[0]}" for number in taken]
    facts = {"averaged": names, "scores": [list(score) for score in scores], "score": list(judge(mean))}
    found = Ensemble([network(mean)])
    return Ensemble.of(found.networks, found.combination, "soup", facts)
