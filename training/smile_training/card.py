"""The card of a space: its README.md, made from the manifest."""

from smile_runtime.manifest import Manifest
from smile_training.tables import metric_table

_SIMULATED = "\n\n**Some modalities of this space are simulated: it shows a method and must not be published or used.**"
_SIMULATED_FROM = "simulated, from: "

_TEMPLATE = """\
---
library_name: smile-zoo
license: {licence_tag}
tags:
- single-cell
- biology
- onnx
- contrastive-learning
---

# {title}

{description}

- Organism: {organism}; tissue: {tissue}; variant: {variant}
- Encoders: {encoders}
- Reference: {n_points:,} {kind} for {n_cells:,} cells; labels: {labels}
- Licence: {licence}{simulated}

## Use

```bash
smile-zoo project query.h5ad {name}{option} -o out.h5ad --report map.png
```

```python
import anndata, smile_runtime

space = smile_runtime.open_space("path/to/{name}")
adata = anndata.read_h5ad("query.h5ad")
smile_runtime.project(adata, space{argument})  # obs["smile_label"], obsm["X_smile"], ...
```

## Training data

{sources}

## Measured

{repeats} Label transfer and FOSCTTM (fraction of samples closer than the true match) are of left-out cells,
silhouettes and ARI of the cells trained on. Mean ± standard deviation over repeats.

{metrics}
![map](map.png)

## Limits

Labels come from the reference alone: a cell of a type that it lacks still gets one of its labels.
The confidence is calibrated on left-out cells of the same studies; other tissues, species or protocols can be worse.
Research use; not for diagnosis.

## Cite

Xu Y, Das P, McCord RP (2022). SMILE: mutual information learning for integration of single-cell omics data.
Bioinformatics 38(2):476-486.
"""


def render_card(manifest: Manifest) -> str:
    """Return the card of a space as Markdown with YAML front matter."""
    reference = manifest.reference
    several = next(iter(manifest.encoders)) if len(manifest.encoders) > 1 else None
    return _TEMPLATE.format(
        option=f" --modality {several}" if several else "",
        argument=f', modality="{several}"' if several else "",
        name=manifest.name,
        title=manifest.title,
        description=manifest.description,
        organism=manifest.organism,
        tissue=manifest.tissue,
        variant=manifest.variant,
        licence=manifest.licence,
        simulated=_SIMULATED if any(source.simulated for source in manifest.sources) else "",
        licence_tag=manifest.licence.lower(),
        encoders="; ".join(f"{name}, {record.n_features:,} features" for name, record in manifest.encoders.items()),
        n_points=reference.n_points,
        n_cells=reference.n_cells,
        kind=reference.kind,
        labels=", ".join(reference.labels) or "none",
        sources="\n".join(
            f"- {_SIMULATED_FROM if source.simulated else ''}{source.name} (licence: {source.licence}) {source.url}"
            for source in manifest.sources
        ),
        metrics=metric_table(manifest.metrics),
        repeats=_repeats(manifest),
    )


def _repeats(manifest: Manifest) -> str:
    """Return how the figures were measured, as a sentence."""
    settings = manifest.recipe["reference"]
    if max((metric.n_repeats for metric in manifest.metrics), default=1) == 1 and not manifest.reference.labels:
        return "Of one training."
    return f"{settings['folds']}-fold cross-validation, {settings['repeats']} repeats with a seed each."
