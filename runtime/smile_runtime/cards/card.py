"""The card of a space: its README.md, which is also its page on the Hugging Face Hub.

The part between two marks is generated from the manifest. Text outside the marks is the author's, and is kept.
"""

from smile_runtime.cards import sections
from smile_runtime.cards.extensions import split_sources
from smile_runtime.cards.front_matter import front_matter, join_front
from smile_runtime.cards.imputed_features import imputed_features
from smile_runtime.cards.usage import usage
from smile_runtime.io import visible_text
from smile_runtime.manifest import Manifest

START = "<!-- smile-zoo: made from config.json; write your own text outside these two marks -->"
END = "<!-- smile-zoo: end -->"
USE = "How to use it"
TRAINING_DATA = "Training data"
ADDED_CELLS = "Added cells"
LIMITS = "Limits and misuse"
CITATION = "Citation"

_MEASURED_LIMITS = """\
- All labels come from the reference. A cell is labeled `unknown` if it resembles the reference less than nearly all
  cells of known types do, judged by its position and by its own counts (`smile_similarity`). The threshold allows for
  differences between laboratories, so a cell of a new type that resembles a known one can get that label, sometimes
  with high confidence. A higher `--unknown-rate` finds more of these cells, but also marks more cells of known types.
- Confidence is calibrated on left-out cells of the same studies, both unchanged and with fewer counts and features. It
  is the probability that the nearest label, which has the most votes, is right for a cell of a known type, not a
  confidence in `unknown`. For other studies, species, tissues, conditions or protocols it can be less well calibrated,
  by an unknown amount.
"""

_UNMEASURED_LIMITS = """\
- No cell was left out of training to measure this space. All labels come from the reference, and every cell gets one:
  no cell becomes `unknown`, and there is no `smile_similarity`. The confidence is the label's share of the votes, and
  is not calibrated.
"""

_GENERAL_LIMITS = """\
- Missing features are imputed from the measured ones. Every projection reports the measured fraction of the encoder's
  feature weight; lower means less reliable.
- Types with few cells in the reference are recognized least reliably: compare the macro-F1 with the accuracy.
- For research use only. Not for diagnosis or any decision about a patient, and not for identifying a person.
"""

LIMITS_TEXT = _MEASURED_LIMITS + _GENERAL_LIMITS
"""Limits of a space that was measured on cells left out of training."""

CITATION_TEXT = """\
Xu Y, Das P, McCord RP (2022). SMILE: mutual information learning for integration of single-cell omics data.
Bioinformatics 38(2):476-486. [10.1093/bioinformatics/btab706](https://doi.org/10.1093/bioinformatics/btab706)

```bibtex
@article{xu2022smile,
  title   = {{SMILE}: mutual information learning for integration of single-cell omics data},
  author  = {Xu, Yang and Das, Priyojit and McCord, Rachel Patton},
  journal = {Bioinformatics},
  volume  = {38},
  number  = {2},
  pages   = {476--486},
  year    = {2022},
  doi     = {10.1093/bioinformatics/btab706}
}
```
"""


def render_card(manifest: Manifest, *, repo: str | None = None, packaged: bool = False) -> str:
    """Render the card of a space as Markdown with YAML front matter.

    Parameters
    ----------
    manifest
        Manifest of the space. Pictures are shown if they are among its files.
    repo
        Hub repo, ``org/name``, from which the examples load the space; None for a space that is on this machine.
    packaged
        Whether such a space is installed with smile-zoo, and loaded by its name; otherwise from the folder ``./NAME``.
    """
    section_texts = {
        USE: usage(manifest, repo, packaged=packaged),
        TRAINING_DATA: sections.source_list(split_sources(manifest)[0]),
        ADDED_CELLS: sections.added_cells(manifest),
        "Preprocessing": sections.preprocessing(manifest),
        "Settings": sections.settings(manifest),
        "Figures": sections.figures(manifest),
        "Drivers": sections.drivers(manifest),
        "Imputed values": imputed_features(manifest),
        "Pictures": sections.pictures(manifest),
        LIMITS: sections.scope(manifest)
        + sections.labels_of_students(manifest)
        + (LIMITS_TEXT if sections.is_measured(manifest) else _UNMEASURED_LIMITS + _GENERAL_LIMITS),
        CITATION: CITATION_TEXT,
    }
    body = [sections.about(manifest), *(f"## {title}\n\n{text}" for title, text in section_texts.items() if text)]
    card = join_front(front_matter(manifest), "\n".join([f"{START}\n", *body, END]) + "\n")
    return visible_text(card, keep="\n")
