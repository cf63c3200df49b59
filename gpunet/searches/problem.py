"""A search as one value: a configuration, the space around it, and what a trial is judged by."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..checkpoint import Checkpoint
from ..config import Config, load_config, stamped
from ..data import Dataset, Split, folded, repeated
from ..errors import ConfigError
from ..experiment import Experiment
from .settings import Settings
from .space import TUNE, Space, changed, fixed_values

VERSION = 1  # of what the journal and the folder of a search hold


@dataclass(frozen=True, eq=False)
class Search:
    """What is searched, on what data, and how.

    Attributes:
        experiment: the configuration that trials start from, data, parts and device.
        space: what trials change.
        settings: how the search goes about it.
        tune: the network that is fine-tuned from what a trial pretrains, where that is what it is for.
        start: weights that every trial starts from, or None.
        start_path: where they come from, for reports.
        left_out: a line for whatever a space that came along does not try here.
    """

    experiment: Experiment
    space: Space
    settings: Settings
    tune: Config | None = None
    start: Checkpoint | None = None
    start_path: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def config(self) -> Config:
        """The configuration that trials start from."""
        return self.experiment.config

    @property
    def seed(self) -> int:
        """Of the draws, and of the first model of each trial."""
        return self.config.seed

    @property
    def purpose(self) -> str:
        """What a trial is for: ``validation``, ``fine_tuning`` or ``likelihood``."""
        wanted, family = self.settings.score, self.config.model
        if wanted != "auto":
            return wanted
        if family.has_outputs:
            return "validation"
        return "likelihood" if family.layerwise is None else "fine_tuning"

    @cached_property
    def fixed(self) -> dict[str, Any]:
        """What conditions of the space may speak of beside its own keys."""
        own = fixed_values(self.config, self.space)
        return own if self.tune is None else own | fixed_values(self.tune, self.space, TUNE)

    @cached_property
    def splits(self) -> list[Split]:
        """The parts that each trial is trained and scored on; none of them has a sample of the test part.

        With folds the ``test`` of a split is the fold that scores it; else it is empty, and ``validation`` scores.
        """
        split, settings, data = self.experiment.split, self.settings, self.config.data
        free = np.sort(np.concatenate([split.train, split.validation]))
        if settings.folds > 1:
            return folded(
                self.experiment.dataset, free, folds=settings.folds, repeats=settings.repeats,
                validation=data.validation, seed=data.split_seed, order=data.split,
            )  # fmt: skip
        nothing = free[:0]
        if settings.repeats == 1:
            return [Split(split.train, split.validation, nothing)]
        return repeated(
            self.experiment.dataset, free, repeats=settings.repeats, validation=len(split.validation),
            seed=data.split_seed, order=data.split,
        )  # fmt: skip

    def configured(self, values: Mapping[str, Any], members: int = 1, seed: int | None = None) -> Config:
        """The configuration of a trial.

        Args:
            values: by key of the space; those of ``tune.`` are left alone.
            members: models that are trained at once.
            seed: of the first one; that of the configuration by default.

        Raises:
            ConfigError: values that the configuration cannot have.
        """
        own = {key: value for key, value in values.items() if not key.startswith(TUNE)}
        found = changed(self.config, own)
        return found.model_copy(update={"members": members, "seed": self.seed if seed is None else seed})

    def tuned(self, values: Mapping[str, Any], config: Config) -> Config | None:
        """The network that is fine-tuned in a trial: with its values, and data, widths and seeds of what it pretrains.

        Raises:
            ConfigError: values that the configuration cannot have, or a network of another kind.
        """
        if self.tune is None:
            return None
        own = {key.removeprefix(TUNE): value for key, value in values.items() if key.startswith(TUNE)}
        found = changed(self.tune, own)
        widths = found.model.starting_from(config.model.hidden_widths)
        if not widths:
            remedy = "Fine-tune an mlp"
            raise ConfigError("model", "must be a network that starts from a stack", found.model.name, remedy)
        model = found.model.model_copy(update=dict(widths))
        return found.model_copy(
            update={"model": model, "data": config.data, "seed": config.seed, "members": config.members}
        )

    def on(self, config: Config, split: Split) -> Experiment:
        """The experiment of a trial on some parts, with what is learned of columns learned on their training part."""
        dataset = self.experiment.dataset
        if dataset.learned is not None and not np.array_equal(split.train, self.experiment.split.train):
            key = split.train.tobytes()
            if key not in self._learned:
                self._learned[key] = dataset.learned_on(split)
            dataset = self._learned[key]
        return replace(self.experiment, config=config, dataset=dataset, split=split)

    @cached_property
    def _learned(self) -> dict[bytes, Dataset]:
        """The data set as each training part makes it."""
        return {}

    @property
    def _open(self) -> tuple[str, ...]:
        """Settings that may change when a search goes on: those on which no trial depends."""
        more = () if self.settings.method == "coarse_to_fine" else ("trials", "stages")
        return ("noise", "together", *more)

    def identity(self) -> dict[str, Any]:
        """What a journal must agree with to be of this search."""
        config = self.config.model_dump(mode="json")
        config["data"].pop("source")
        config["data"].pop("cache")
        config["training"].pop("together")  # no trial depends on it
        held = {
            "config": stamped(config),
            "space": self.space.document(),
            "settings": {k: v for k, v in self.settings.document().items() if k not in self._open},
            "tune": None if self.tune is None else stamped(self.tune.model_dump(mode="json")),
            "start": "" if self.start is None else self.start.content_sha256,
        }
        text = json.dumps(held, sort_keys=True, default=str)
        return {
            "version": VERSION,
            "data_sha256": self.experiment.dataset.sha256,
            "search_sha256": hashlib.sha256(text.encode()).hexdigest(),
        }


def tune_config(overrides: Mapping[str, Any] | None = None) -> Config:
    """The network that is fine-tuned unless another one is given: the preset ``finetune``."""
    return load_config("finetune", overrides or {}, {})
