"""The front matter of a card: the metadata that the Hugging Face Hub reads."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from smile_runtime.cards.extensions import split_sources
from smile_runtime.cards.licenses import LICENSES
from smile_runtime.cards.markdown import one_line, slug
from smile_runtime.cards.tables import is_label_choice
from smile_runtime.errors import SpaceError
from smile_runtime.manifest import OWN_METHOD, Manifest, MetricRecord

LIBRARY = "smile-zoo"
MAX_FRONT_CHARACTERS = 200_000

_FENCED = re.compile(r"\A\s*---[ \t]*\n(?P<yaml>.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_GENOMIC_KINDS = {"rna", "atac", "histone", "methylation", "hic"}
_METRIC_TYPES = {
    "label transfer accuracy": "accuracy",
    "label transfer macro-F1": "f1",
    "ARI of clusters": "adjusted_rand_index",
}
_LABEL_TASK = ("tabular-classification", "Label transfer to left-out cells")
_PAIR_TASK = ("feature-extraction", "Embedding of left-out cells")
_STRUCTURE_TASK = ("feature-extraction", "Embedding of the training cells")


def front_matter(manifest: Manifest) -> dict[str, Any]:
    """Return the front matter of a space: library, license, tags, and its own metrics as a model index."""
    fields: dict[str, Any] = {"library_name": LIBRARY, **_license(manifest.license), "tags": _tags(manifest)}
    if results := _results(manifest):
        fields["model-index"] = [{"name": manifest.name, "results": results}]
    return fields


def join_front(fields: dict[str, Any], body: str) -> str:
    """Join front matter and body to a card."""
    import yaml

    text = yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)
    return f"---\n{text}---\n\n{body}"


def split_front(card: str) -> tuple[dict[str, Any], str]:
    """Split a card into its front matter, which is empty if the card has none, and its body.

    Raises
    ------
    SpaceError
        If the front matter is not YAML, is not a mapping, or is not closed.
    """
    card = card.removeprefix("\ufeff").replace("\r\n", "\n")
    match = _FENCED.match(card)
    if match is None:
        if re.match(r"\s*---[ \t]*(\n|\Z)", card):
            raise SpaceError("the front matter of the card is not closed; end it with a line ---")
        return {}, card
    return _parsed(match["yaml"]), card[match.end() :]


def _parsed(text: str) -> dict[str, Any]:
    import yaml

    if len(text) > MAX_FRONT_CHARACTERS or any(isinstance(event, yaml.AliasEvent) for event in _events(text)):
        raise SpaceError(
            f"the front matter of the card has aliases or more than {MAX_FRONT_CHARACTERS:,} characters, which no card "
            "needs; shorten it"
        )
    try:
        fields = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SpaceError(
            f"the front matter of the card is not YAML: {one_line(error)}; correct it, or remove it"
        ) from error
    if fields is None:
        return {}
    if not isinstance(fields, dict):
        raise SpaceError(
            f"the front matter of the card is a {type(fields).__name__}, but must be lines of `key: value`; correct it"
        )
    return fields


def _events(text: str) -> Iterator[object]:
    """Yield the parts of a YAML document up to its first error; a few aliases can stand for gigabytes of text."""
    import yaml

    with suppress(yaml.YAMLError, ValueError, RecursionError):
        yield from yaml.parse(text, yaml.SafeLoader)


def _license(text: str) -> dict[str, str]:
    name = slug(text)
    return {"license": name} if name in LICENSES else {"license": "other", "license_name": name or "unspecified"}


def _tags(manifest: Manifest) -> list[str]:
    modalities = manifest.recipe.get("modalities", {})
    kinds = {modality.get("kind") for modality in modalities.values()} | set(manifest.encoders)
    tags = ["single-cell", "biology", *(["genomics"] if kinds & _GENOMIC_KINDS else []), "onnx", "contrastive-learning"]
    tags += [slug(name) for name in (manifest.organism, *manifest.tissue.split(","), *manifest.encoders)]
    tags += ["simulated"] if any(source.simulated for source in manifest.sources) else []
    return [tag for tag in dict.fromkeys(tags) if tag]


def _results(manifest: Manifest) -> list[dict[str, Any]]:
    """Return the space's own metrics in the Hub's format, one entry per task and modality."""
    results: dict[tuple[str, str, str], dict[str, Any]] = {}
    for record in _own_metrics(manifest.metrics):
        task_type, task_name = _task(record)
        split = "train" if (task_type, task_name) == _STRUCTURE_TASK else "test"
        dataset = {
            "name": "; ".join(dict.fromkeys(source.name for source in split_sources(manifest)[0])) or manifest.title,
            "type": manifest.name,
            "config": record.modality,
            "split": split,
        }
        result = {"task": {"type": task_type, "name": task_name}, "dataset": dataset, "metrics": []}
        results.setdefault((task_type, record.modality, split), result)["metrics"].append(_metric(record))
    return list(results.values())


def _own_metrics(metrics: Iterable[MetricRecord]) -> Iterable[MetricRecord]:
    return (record for record in metrics if record.method == OWN_METHOD and not is_label_choice(record))


def _task(record: MetricRecord) -> tuple[str, str]:
    if record.name.startswith("label transfer") or "90% sets" in record.name:
        return _LABEL_TASK
    return _PAIR_TASK if record.name == "FOSCTTM" else _STRUCTURE_TASK


def _metric(record: MetricRecord) -> dict[str, Any]:
    figure = record.name.partition(", ")[0]  # followed by the label column unless it is the primary one
    kind = _METRIC_TYPES.get(figure, slug(figure).replace("-", "_"))
    return {"type": kind, "value": round(record.mean, 4), "name": record.name}
