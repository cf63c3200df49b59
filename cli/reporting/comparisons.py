"""Comparisons on the page: the table of one, its picture, and what follows from it."""

from __future__ import annotations

import base64
from typing import Any

from gpunet.studies import read_comparison

from ..drawing import drawn
from ..naming import translated
from ..views.comparison import TITLES, comparison_rows
from ..views.comparison_plot import comparison_figure

DOTS = 110  # of the picture, to the inch


def comparison_section(folder: str) -> dict[str, Any]:
    """What the page says of a folder of ``gpunet compare``.

    Raises:
        GpunetError: its results are not what a comparison writes.
    """
    found = read_comparison(folder)
    picture = base64.b64encode(drawn(comparison_figure(found), "png", dpi=DOTS)).decode()
    return {
        "name": folder,
        "about": f"{found['data']}, {'-'.join(map(str, found['model']))}, {len(found['seeds'])} seeds",
        "titles": TITLES,
        "rows": comparison_rows(found),
        "lines": [translated(line) for line in (*found["conclusions"], *found["notes"])],
        "picture": f"data:image/png;base64,{picture}",
    }
