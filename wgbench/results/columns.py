"""The tables of an entry, from its runs: counts after every epoch, and predicted classes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from wgbench import runs
from wgbench.results.finished import Run


def curves_table(found: Sequence[Run]) -> bytes:
    """All cells' counts, losses and group masses: one row per cell, epoch and split."""
    columns: dict[str, list[Any]] = {}
    for run in found:
        for line in run.lines:
            for split in ("train", "val", "test"):
                if line[split] is None:
                    continue
                row = {
                    "seed": run.cell.seed,
                    "weight_decay": run.cell.weight_decay,
                    "stage": line["stage"],
                    "epoch": line["epoch"],
                    "split": split,
                    **line[split],
                    "mass": line["weights"]["mass"] if split == "train" else None,
                    "ess": line["weights"]["ess"] if split == "train" else None,
                    "state": _rounded(line["state"]) if split == "train" and line["state"] else None,
                }
                for name, value in row.items():
                    columns.setdefault(name, []).append(value)
    return _parquet(columns)


def _rounded(state: Mapping[str, Any]) -> str:
    """An algorithm's small state as JSON, six digits after the point: for figures, not for going on."""

    def short(value: Any) -> Any:
        return [short(v) for v in value] if isinstance(value, list) else value if value is None else round(value, 6)

    return json.dumps({name: short(value) for name, value in state.items()}, separators=(",", ":"))


def predictions_table(plain: Mapping[int, Run]) -> bytes:
    """Predicted class per test example of the cells without weight decay, columns `<moment>-<seed>`."""
    return runs.parquet({f"{m}-{seed}": p for seed, run in plain.items() for m, p in sorted(run.predictions.items())})


def _parquet(columns: Mapping[str, list[Any]]) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    kinds = {
        "seed": pa.int64(),
        "weight_decay": pa.float64(),
        "stage": pa.int16(),
        "epoch": pa.int32(),
        "split": pa.string(),
        "acc_correct": pa.int32(),
        "acc_loss": pa.float32(),
        "loss": pa.list_(pa.float32()),
        "mass": pa.list_(pa.float32()),
        "ess": pa.float32(),
        "state": pa.string(),
        **{name: pa.list_(pa.int32()) for name in ("correct", "class_correct", "predicted")},
    }
    sink = pa.BufferOutputStream()
    table = pa.table({name: pa.array(values, kinds[name]) for name, values in columns.items()})
    parquet.write_table(table, sink, compression="zstd", compression_level=12)
    return bytes(sink.getvalue())
