"""Every setting is explained where it is declared, and what is said about its default is true."""

import dataclasses
import inspect
import re

import pytest

from gpunet import initializers, losses, optimizers, rbm, schedules, vocabulary
from gpunet.fields import described
from gpunet.layers import Dropout, GaussianNoise, LeakyReLU, ReLU

FAMILIES = [
    (initializers.Initializer, initializers),
    (losses.Loss, losses),
    (optimizers.Rule, optimizers),
    (optimizers.Averaging, optimizers),
    (schedules.Schedule, schedules),
    (rbm.Chains, rbm),
]
CLASSES = [
    c
    for base, room in FAMILIES
    for c in (getattr(room, name) for name in room.__all__)
    if inspect.isclass(c) and issubclass(c, base)
] + [optimizers.Clipping, rbm.Sparsity, Dropout, GaussianNoise, LeakyReLU, ReLU]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda c: c.__name__)
def test_every_field_is_explained_with_its_default(cls):
    said = described(cls)
    for field in dataclasses.fields(cls):
        assert len(said.get(field.name, "").split()) >= 3, f"{field.name} is explained"
        stated = re.search(r"; (\S+) by default\.$", said[field.name])
        if stated and field.default is not dataclasses.MISSING:
            wanted = {True: "on", False: "off"}.get(field.default) if isinstance(field.default, bool) else field.default
            assert type(wanted)(stated[1]) == wanted, field.name


def test_the_schema_for_editors_repeats_the_explanations():
    words = {word.__name__: word for word in vocabulary.words()}
    assert words["adam"].model_fields["beta1"].description.startswith("part of the average of gradients")
    assert words["adam"].model_fields["beta1"].default == 0.9
    assert words["swa"].model_fields["start"].description.startswith("epoch from which on")
    assert words["persistent"].model_fields["count"].is_required() is False


def test_explanations_of_a_base_hold_for_what_is_made_of_it():
    assert described(optimizers.AdamW)["beta2"] == described(optimizers.Adam)["beta2"]
    assert described(optimizers.Nadam)["learning_rate"].endswith("2e-3 by default.")
