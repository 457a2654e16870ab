"""Presets of a recipe: the settings of each variant, preset and kind of values."""

from typing import Any

from smile_runtime.manifest import AcceptedValues
from smile_training.recipe.records import Kind

_UNSCALED: dict[str, Any] = {"target_sum": "none", "log1p": False}
_PEAK_FIELDS: dict[str, Any] = {
    "preprocessing": {**_UNSCALED, "values": "presence", "binarise": True, "tfidf": True},
    "data": {"select": "count", "n_top_features": 100_000},
}

KINDS: dict[str, dict[str, Any]] = {
    "rna": {},
    "atac": _PEAK_FIELDS,
    "histone": _PEAK_FIELDS,
    "adt": {"preprocessing": {"values": "counts", "target_sum": "none", "clr": True}},
    "methylation": {"preprocessing": {**_UNSCALED, "values": "levels"}, "data": {"n_top_features": 100_000}},
    "hic": {"preprocessing": {"values": "counts"}, "data": {"n_top_features": 100_000}},
    "processed": {"preprocessing": {**_UNSCALED, "values": "numbers"}, "data": {"n_top_features": 100_000}},
}


def accepted_values(kind: Kind) -> AcceptedValues:
    """Return the values that an encoder of a kind accepts unless its recipe says otherwise."""
    accepted: AcceptedValues = KINDS[kind].get("preprocessing", {}).get("values", "expression")
    return accepted


_PAIRED_LOSS: dict[str, Any] = {"temperature": 0.1, "pseudo_type_temperature": 1.0}
_PAIRED_TRAINING: dict[str, Any] = {"loss": _PAIRED_LOSS, "epochs": 20}
_REFERENCE_NETWORK: dict[str, Any] = {"hidden": [], "n_latent": 25, "negative_slope": 0.25, "heads": False}
_REFERENCE_TRAINING: dict[str, Any] = {
    "loss": {"temperature": 0.2},
    "batch_size": 1024,
    "pretraining_epochs": 10,
    "epochs": 1000,
}

_RNA_NOISE = {"gaussian": 0.15, "min_depth": 0.05, "min_features": 0.3}
_PEAK_NOISE = {"gaussian": 0.15}  # fewer reads or peaks gave no gain on left-out cells of bone marrow
_STEM_KIND_FIELDS: dict[str, dict[str, Any]] = {
    "rna": {"preprocessing": {"scaling": "sqrt_sd"}, "stem": {}, "noise": _RNA_NOISE},
    "atac": {"preprocessing": {"scaling": "none"}, "stem": {"kind": "lsi"}, "noise": _PEAK_NOISE},
    "histone": {"preprocessing": {"scaling": "none"}, "stem": {"kind": "lsi"}, "noise": _PEAK_NOISE},
    "other": {"stem": {"n_components": 30}, "noise": {"gaussian": 0.15}},
}
_NEIGHBOR_TRAINING: dict[str, Any] = {"pairing": {"kind": "neighbour"}, "epochs": 300}

PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "published": {
        "smile": {},
        "psmile": {"training": _PAIRED_TRAINING},
        "mpsmile": {"training": _PAIRED_TRAINING},
        "reference": {"network": _REFERENCE_NETWORK, "training": _REFERENCE_TRAINING},
        "composition": {"students": _PAIRED_TRAINING},
    },
    "stem": {
        "smile": {"training": _NEIGHBOR_TRAINING, "kinds": _STEM_KIND_FIELDS},
        "psmile": {"training": {**_PAIRED_TRAINING, "epochs": 300}, "kinds": _STEM_KIND_FIELDS},
        "mpsmile": {"training": {**_PAIRED_TRAINING, "epochs": 300}, "kinds": _STEM_KIND_FIELDS},
        "reference": {"network": _REFERENCE_NETWORK, "training": _REFERENCE_TRAINING, "kinds": _STEM_KIND_FIELDS},
        "composition": {
            "training": _NEIGHBOR_TRAINING,
            "students": {"loss": {**_PAIRED_LOSS, "mse_weight": 0.1}, "epochs": 300},
            "kinds": _STEM_KIND_FIELDS,
        },
    },
}
"""For each preset and variant: fields of the recipe, and ``kinds``, fields of each modality by kind (or ``other``)."""
