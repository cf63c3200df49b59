"""Searches on the page: the table of the best trials, the pictures, and what follows from them."""

from __future__ import annotations

import base64
from typing import Any

from gpunet.searches import read_results

from ..drawing import drawn
from ..views.search import conclusions, table_of
from ..views.search_plot import search_figure

DOTS = 110  # of the pictures, to the inch


def search_section(folder: str) -> dict[str, Any]:
    """What the page says of a folder of ``gpunet search``.

    Raises:
        GpunetError: it is not over, or its results are not what a search writes.
    """
    found = read_results(folder)
    titles, rows = table_of(found)
    picture = base64.b64encode(drawn(search_figure(found), "png", dpi=DOTS)).decode()
    how = found["settings"]["method"].replace("_", " ")
    return {
        "name": folder,
        "about": f"{found['data']}, {found['model']}, {len(found['trials'])} trials, {how}",
        "titles": titles,
        "rows": rows,
        "lines": conclusions(found),
        "picture": f"data:image/png;base64,{picture}",
    }
