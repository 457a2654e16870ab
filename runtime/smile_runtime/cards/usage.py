"""How to use a space, on its card: in the shell, in Python, and with ONNX Runtime alone."""

import json
import shlex

from smile_runtime.cards.markdown import code, one_line
from smile_runtime.manifest import EncoderRecord, Manifest

_SHELL = """\
```bash
pip install 'smile-zoo[cpu,plot]'
{pull}smile-zoo project query.h5ad {place}{option} -o out.h5ad --report report.html
```
"""

_PYTHON = """\
```python
import anndata, smile_runtime, smile_zoo

space = smile_zoo.load({place})
adata = anndata.read_h5ad("query.h5ad")
smile_runtime.project(adata, space{argument})  # {written}
```
"""

_ONNX = """\
Without smile-zoo, by numpy and ONNX Runtime alone, in the folder of the space ({folder}). `values` is an array of cells
by features, {taken}, and `measured` the names of its columns:

```python
import numpy as np
import onnxruntime

names = np.loadtxt({features}, str, delimiter="\\t", skiprows=1, usecols=0, comments=None, encoding="utf-8")
X = np.full((len(values), len(names)), np.nan, np.float32)  # NaN: not measured
_, place, column = np.intersect1d(names, measured, return_indices=True)
X[:, place] = values[:, column]
{size_factor}
session = onnxruntime.InferenceSession({graph}, providers=["CPUExecutionProvider"])
embedding, pseudo_type = session.run(["embedding", "pseudo_type"], {{"X": X, "size_factor": size_factor}})
```
"""

_TO_TOTAL = """\
total = values.sum(axis=1, keepdims=True)  # over all features, those that the encoder lacks too
size_factor = ({target:g} / np.where(total > 0, total, {target:g})).astype(np.float32)"""
_NO_TOTAL = "size_factor = np.ones((len(values), 1), np.float32)"

TAKEN = {
    "expression": "raw counts or log-normalized values",
    "counts": "raw counts",
    "presence": "counts or presence, of which only zero or not matters",
    "levels": "levels from 0 to 1, NaN where there is none",
    "numbers": "numbers, NaN where there is none",
}
"""What an encoder takes, in words."""


def usage(manifest: Manifest, repo: str | None) -> str:
    """Return the examples of a space, as it is published in a repository of the Hub, or in the folder ``./NAME``."""
    modality, record = next(iter(manifest.encoders.items()))
    several = len(manifest.encoders) > 1
    place = one_line(repo or f"./{manifest.name}")
    shell = _SHELL.format(
        pull=f"smile-zoo pull {shlex.quote(place)}\n" if repo else "",
        place=shlex.quote(place),
        option=f" --modality {shlex.quote(one_line(modality))}" if several else "",
    )
    python = _PYTHON.format(
        place=_quoted(place),
        argument=f", modality={_quoted(modality)}" if several else "",
        written=", ".join(_written(manifest)),
    )
    known = f"`--modality` is one of: {', '.join(map(code, manifest.encoders))}.\n" if several else ""
    return "\n".join(part for part in (shell, known, python, _onnx(manifest, record, repo)) if part)


def _written(manifest: Manifest) -> list[str]:
    labels = ['obs["smile_label"]', 'obs["smile_confidence"]'] if manifest.reference.label_columns else []
    return ['obsm["X_smile"]', *labels, 'obsm["X_smile_map"]']


def _onnx(manifest: Manifest, record: EncoderRecord, repo: str | None) -> str:
    download = f"hf download {shlex.quote(one_line(repo))} --local-dir {shlex.quote(one_line(manifest.name))}"
    target = record.preprocessing.target_sum
    taken = record.preprocessing.values
    return _ONNX.format(
        folder=f"{code(download)} gets it" if repo else code(f"./{manifest.name}"),
        taken="raw counts" if taken == "expression" else TAKEN[taken],
        features=_quoted(record.features),
        size_factor=_NO_TOTAL if target is None else _TO_TOTAL.format(target=target),
        graph=_quoted(record.graph),
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
