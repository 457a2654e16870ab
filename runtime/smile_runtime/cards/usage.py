"""Usage examples of a card: in the shell, in Python, and with ONNX Runtime alone."""

import json
import shlex

from smile_runtime.cards.markdown import code, one_line
from smile_runtime.io import visible_text
from smile_runtime.manifest import EncoderRecord, Manifest

_SHELL = """\
```bash
pip install 'smile-zoo[cpu,plot]'
{pull}smile-zoo project query.h5ad {source}{option} -o out.h5ad --report report.html
```
"""

_PYTHON = """\
```python
import anndata, smile_runtime, smile_zoo

space = smile_zoo.load({source})
adata = anndata.read_h5ad("query.h5ad")
smile_runtime.project(adata, space{argument})  # {written}
```
"""

_ONNX = """\
Without smile-zoo, using only numpy and ONNX Runtime, in the folder of the space ({folder}). `values` is an array of
cells by features, {accepted}, and `measured` holds the names of its columns:

```python
import numpy as np
import onnxruntime

names = np.loadtxt({features}, str, delimiter="\\t", skiprows=1, usecols=0, comments=None, encoding="utf-8")
X = np.full((len(values), len(names)), np.nan, np.float32)  # NaN: not measured
_, index, column = np.intersect1d(names, measured, return_indices=True)
X[:, index] = values[:, column]
{size_factor}
session = onnxruntime.InferenceSession({graph}, providers=["CPUExecutionProvider"])
embedding, pseudo_type = session.run(["embedding", "pseudo_type"], {{"X": X, "size_factor": size_factor}})
```
"""

_SIZE_FACTOR = """\
total = values.sum(axis=1, keepdims=True)  # over all features, including those that the encoder lacks
size_factor = ({target:g} / np.where(total > 0, total, {target:g})).astype(np.float32)"""
_UNIT_SIZE_FACTOR = "size_factor = np.ones((len(values), 1), np.float32)"

ACCEPTED_VALUES = {
    "expression": "raw counts or log-normalized values",
    "counts": "raw counts",
    "presence": "counts or presence, where only zero or nonzero matters",
    "levels": "levels from 0 to 1, NaN if not measured",
    "numbers": "numbers, NaN if not measured",
}
"""Descriptions of the values that an encoder accepts."""


def usage(manifest: Manifest, repo: str | None, *, packaged: bool) -> str:
    """Return the examples for a space in a Hub repo, for a packaged one, or for the folder ``./NAME``."""
    modality, record = next(iter(manifest.encoders.items()))
    several = len(manifest.encoders) > 1
    source = one_line(repo or (manifest.name if packaged else f"./{manifest.name}"))
    shell = _SHELL.format(
        pull=f"smile-zoo pull {shlex.quote(source)}\n" if repo else "",
        source=shlex.quote(source),
        option=f" --modality {shlex.quote(one_line(modality))}" if several else "",
    )
    python = _PYTHON.format(
        source=_quoted(source),
        argument=f", modality={_quoted(modality)}" if several else "",
        written=", ".join(_written(manifest)),
    )
    modalities = f"`--modality` is one of: {', '.join(map(code, manifest.encoders))}.\n" if several else ""
    if manifest.joints:
        modalities += (
            "Without it, a query that measured several in the same cells gets one label a cell from all of them.\n"
        )
    return "\n".join(
        part for part in (shell, modalities, python, _onnx(manifest, record, repo, packaged=packaged)) if part
    )


def _written(manifest: Manifest) -> list[str]:
    labels = ['obs["smile_label"]', 'obs["smile_confidence"]'] if manifest.reference.label_columns else []
    return ['obsm["X_smile"]', *labels, 'obsm["X_smile_map"]']


def _onnx(manifest: Manifest, record: EncoderRecord, repo: str | None, *, packaged: bool) -> str:
    target = record.preprocessing.target_sum
    values = record.preprocessing.values
    return _ONNX.format(
        folder=_folder(manifest, repo, packaged=packaged),
        accepted="raw counts" if values == "expression" else ACCEPTED_VALUES[values],
        features=_quoted(record.features),
        size_factor=_UNIT_SIZE_FACTOR if target is None else _SIZE_FACTOR.format(target=target),
        graph=_quoted(record.graph),
    )


def _folder(manifest: Manifest, repo: str | None, *, packaged: bool) -> str:
    """Return the folder of the space, or the command that gets it."""
    name = one_line(manifest.name)
    if repo:
        return f"{code(f'hf download {shlex.quote(one_line(repo))} --local-dir {shlex.quote(name)}')} downloads it"
    if packaged:
        return f"{code(f'smile-zoo pull {shlex.quote(name)} --to {shlex.quote(name)}')} copies it"
    return code(f"./{name}")


def _quoted(text: str) -> str:
    return visible_text(json.dumps(text, ensure_ascii=False))
