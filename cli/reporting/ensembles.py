"""Ensembles on the page: the table of the members, the picture, and all that the command says of one."""

from __future__ import annotations

import base64
from typing import Any

from gpunet.checkpoint import Checkpoint
from gpunet.ensembles import checked_report
from gpunet.errors import CheckpointError
from gpunet.persistence import ENSEMBLE

from ..drawing import drawn
from ..views.ensemble import about_line, member_rows, more_lines
from ..views.ensemble_plot import ensemble_figure

DOTS = 110  # of the picture, to the inch


def ensemble_section(name: str, checkpoint: Checkpoint) -> dict[str, Any]:
    """What the page says of the file of an ensemble.

    Args:
        name: that it was asked for by.
        checkpoint: the file.

    Raises:
        CheckpointError: it has no report, or one that is none.
    """
    held = checkpoint.note(f"{ENSEMBLE}/report")
    if not held:
        remedy = "gpunet evaluate measures it"
        raise CheckpointError(name, "must be an ensemble that was reported on", "no report", remedy)
    found = checked_report(name, held)
    titles, *rows = member_rows(found)
    picture = base64.b64encode(drawn(ensemble_figure(found), "png", dpi=DOTS)).decode()
    return {
        "name": name,
        "about": about_line(found),
        "titles": titles,
        "rows": rows,
        "text": "\n".join(more_lines(found)).strip(),
        "picture": f"data:image/png;base64,{picture}",
    }
