"""What a checkpoint says about where it comes from."""

from typing import Any

from ..checkpoint import Checkpoint

ROOT = ("run_id", "parent_sha256", "created_utc", "gpunet_version")


def lineage(found: Checkpoint) -> dict[str, Any]:
    """All that a checkpoint says about where it comes from."""
    document: dict[str, Any] = {"content_sha256": found.content_sha256}
    document |= {name: found.attrs[name] for name in ROOT if name in found.attrs}
    data = found.root.children.get("data")
    if data is not None:
        document["data"] = {name: data.attrs[name] for name in ("name", "data_sha256") if name in data.attrs}
    note = found.note("lineage/json")
    if note:
        document["lineage"] = note
    return document
