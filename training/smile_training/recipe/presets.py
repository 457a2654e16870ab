"""Presets of a recipe: the settings of each variant, preset and kind of values."""

from typing import Any, Literal

Variant = Literal["smile", "psmile", "mpsmile", "reference", "composition"]

Kind = Literal["rna", "atac", "histone", "adt", "methylation", "hic", "processed"]
"""Kind of values: expression or gene activity; accessibility of peaks; reads of a histone mark in bins; antibody
counts; methylation levels; contacts of bin pairs; numbers that only need a z-score."""

_UNSCALED: dict[str, Any] = {"target_sum": "none", "log1p": False}
_PEAKS: dict[str, Any] = {
    "preprocessing": {**_UNSCALED, "values": "presence", "binarise": True, "tfidf": True},
    "data": {"select": "count", "n_top_features": 100_000},
}

KINDS: dict[str, dict[str, Any]] = {
    "rna": {},
    "atac": _PEAKS,
    "histone": _PEAKS,
    "adt": {"preprocessing": {"values": "counts", "target_sum": "none", "clr": True}},
    "methylation": {"preprocessing": {**_UNSCALED, "values": "levels"}, "data": {"n_top_features": 100_000}},
    "hic": {"preprocessing": {"values": "counts"}, "data": {"n_top_features": 100_000}},
    "processed": {"preprocessing": {**_UNSCALED, "values": "numbers"}, "data": {"n_top_features": 100_000}},
}

_PAIRED_LOSS: dict[str, Any] = {"temperature": 0.1, "pseudo_type_temperature": 1.0}
_PAIRED: dict[str, Any] = {"loss": _PAIRED_LOSS, "epochs": 20}
_LITTLE: dict[str, Any] = {"hidden": [], "n_latent": 25, "negative_slope": 0.25, "heads": False}
_REFERENCE: dict[str, Any] = {
    "loss": {"temperature": 0.2},
    "batch_size": 1024,
    "pretraining_epochs": 10,
    "epochs": 1000,
}

_STEM_KINDS: dict[str, dict[str, Any]] = {
    "rna": {"preprocessing": {"scaling": "sqrt_sd"}, "stem": {}, "noise": {"gaussian": 0.15}},
    "atac": {"preprocessing": {"scaling": "none"}, "stem": {"kind": "lsi"}, "noise": {"gaussian": 0.15}},
    "histone": {"preprocessing": {"scaling": "none"}, "stem": {"kind": "lsi"}, "noise": {"gaussian": 0.15}},
    "other": {"stem": {"n_components": 30}, "noise": {"gaussian": 0.15}},
}
_BY_NEIGHBOR: dict[str, Any] = {"pairing": {"kind": "neighbour"}, "epochs": 300}

PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "published": {
        "smile": {},
        "psmile": {"training": _PAIRED},
        "mpsmile": {"training": _PAIRED},
        "reference": {"network": _LITTLE, "training": _REFERENCE},
        "composition": {"students": _PAIRED},
    },
    "stem": {
        "smile": {"training": _BY_NEIGHBOR, "kinds": _STEM_KINDS},
        "psmile": {"training": {**_PAIRED, "epochs": 300}, "kinds": _STEM_KINDS},
        "mpsmile": {"training": {**_PAIRED, "epochs": 300}, "kinds": _STEM_KINDS},
        "reference": {"network": _LITTLE, "training": _REFERENCE, "kinds": _STEM_KINDS},
        "composition": {
            "training": _BY_NEIGHBOR,
            "students": {"loss": {**_PAIRED_LOSS, "mse_weight": 0.1}, "epochs": 300},
            "kinds": _STEM_KINDS,
        },
    },
}
"""For each preset and variant: fields of the recipe, and ``kinds``, fields of each modality by kind (or ``other``)."""
