"""Rows that hold one value each, and the name of what was measured: how historians and databases write.

    Timestamp,TagName,Value,Quality
    2024-03-01T10:00:00Z,P101.Vibration,2.31,Good

Of each file's rows those of the wanted tags are picked, and put side by side: a row for each unit and time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.prognostics.arrow_cells import as_text, encode
from training.prognostics.columns import Tags
from training.prognostics.file_names import names_in_path, words_like
from training.prognostics.log_keys import TAG


@dataclass(frozen=True)
class Picked:
    columns: Mapping[str, Any]
    """Arrow arrays of the picked rows: the tags' names are those of channels, and a unit that stands in them has a
    column of its own.
    """
    rows: NDArray[np.intp]
    """Which rows these are."""


def pick_tags(batch: Mapping[str, Any], tags: Tags, *, where: str) -> Picked:
    """Those rows of *batch* whose tag is wanted. A value whose quality is not good is taken for missing.

    Raises BadData where a tag's name can be read in two ways.
    """
    import pyarrow as pa
    import pyarrow.compute as compute

    codes, names = encode(batch[tags.name])
    split = [*(_split(name.strip(), tags, where) for name in names), {}]
    rows = np.flatnonzero(np.array([one.get(TAG) in tags.wanted for one in split])[codes])
    found = {name: column.take(rows) for name, column in batch.items()}
    for place in names_in_path(tags.pattern) or (TAG,):
        words = pa.array([one.get(place) for one in split], type=pa.string())
        found[tags.name if place == TAG else place] = words.take(pa.array(codes[rows]))
    if tags.quality:
        good = compute.is_in(compute.utf8_trim_whitespace(as_text(found[tags.quality])), pa.array(tags.good))
        value = found[tags.value]
        found[tags.value] = compute.if_else(good, value, pa.scalar(None, type=value.type))
    return Picked(found, rows)


def pick_values(cells: Mapping[str, Sequence[str]], in_path: Mapping[str, str], tags: Tags, *, where: str) -> list[str]:
    """The values in *cells* (column -> what each row holds) that count: of a wanted tag, and of good quality. What the
    rows of other tags hold says nothing of how these are written.
    """
    values = cells[tags.value]
    names = cells.get(tags.name, [in_path.get(tags.name, "")] * len(values))
    quality = cells.get(tags.quality, [""] * len(values))
    return [
        value
        for name, value, how in zip(names, values, quality, strict=True)
        if _split(name.strip(), tags, where).get(TAG) in tags.wanted and (not tags.quality or how.strip() in tags.good)
    ]


def _split(name: str, tags: Tags, where: str) -> dict[str, str]:
    """The channel, and the unit where the name holds it; nothing where it is another kind of name."""
    if not tags.pattern:
        return {TAG: name}
    return words_like(name, tags.pattern, f"{where}: the tag {name}") or {}
