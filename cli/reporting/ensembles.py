"""Ensembles on the page: the table of the members, the picture, and all that the command says of one."""

from __future__ import annotations

import base64
from typing import Any

from gpunet.checkpoint import Checkpoint
from gpunet.ensembles import OutOfFold, checked_report
from gpunet.errors import CheckpointError
from gpunet.metrics import constant_prediction, estimates, usual_metrics
from gpunet.persistence import ENSEMBLE

from ..drawing import drawn
from ..figures import figure_lines
from ..views.ensemble import about_line, member_rows, more_lines
from ..views.ensemble_plot import ensemble_figure
from ..views.folds import fold_lines, fold_rows
from .drawings import over_folds

DOTS = 110  # of the picture, to the inch
MAIN = ("error", "rmse")  # figures of folds that are drawn, the first that is known


def ensemble_section(name: str, checkpoint: Checkpoint) -> dict[str, Any]:
    """What the page says of the file of an ensemble.

    Args:
        name: that it was asked for by.
        checkpoint: the file.

    Raises:
        CheckpointError: it has no report, or one that is none.
    """
    held, facts = checkpoint.note(f"{ENSEMBLE}/report"), checkpoint.note(f"{ENSEMBLE}/facts")
    if not held and "pooled" in facts:
        return _folds_section(name, checkpoint, facts)
    if not held:
        remedy = "gpunet evaluate measures it"
        raise CheckpointError(name, "must be an ensemble that was reported on", "no report", remedy)
    found = checked_report(name, held)
    titles, *rows = member_rows(found)
    picture = base64.b64encode(drawn(ensemble_figure(found), "png", dpi=DOTS)).decode()
    return {
        "kind": "Ensemble",
        "name": name,
        "about": about_line(found),
        "titles": titles,
        "rows": rows,
        "text": "\n".join(more_lines(found)).strip(),
        "picture": f"data:image/png;base64,{picture}",
        "drawing": "",
    }


def _folds_section(name: str, checkpoint: Checkpoint, facts: dict[str, Any]) -> dict[str, Any]:
    """What the page says of a cross-validation: its figures, those of each class, and how far folds lie apart."""
    held = OutOfFold.held_in(checkpoint)
    if held is None:
        raise CheckpointError(name, "must hold predictions out of fold", "none", "Cross-validate again")
    about = checkpoint.note("networks/000/data/json")
    classes = [str(one) for one in about.get("classes", ())]
    told = estimates(usual_metrics(), held.outcome, constant_prediction(held.outcome))
    titles, *rows = fold_rows(facts, single=not facts.get("by_setting"))
    head, *more = fold_lines(facts)
    main = next(figure for figure in (*MAIN, *facts["scores"]) if figure in facts["scores"])
    arms = facts.get("by_setting") or [facts]
    return {
        "kind": "Cross-validation",
        "name": name,
        "about": f"{held_name(checkpoint)}: {len(held.rows):,} samples. {head}.",
        "titles": titles,
        "rows": rows,
        "text": "\n".join([*(more if len(arms) > 1 else []), "", *figure_lines(told, classes)]).strip(),
        "picture": "",
        "drawing": over_folds(
            [arm["scores"][main] for arm in arms],
            [arm["means"].get(main) for arm in arms],
            [_settings(arm) for arm in arms],
            main.replace("_", " "),
        ),
    }


def held_name(checkpoint: Checkpoint) -> str:
    """The name of the data that the networks of an ensemble were trained on."""
    return str(checkpoint.group("data").attrs.get("name", ""))


def _settings(arm: dict[str, Any]) -> str:
    return ", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in arm.get("settings", {}).items())
