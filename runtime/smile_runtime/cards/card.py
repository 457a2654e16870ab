"""The card of a space: its README.md, made from the manifest, and its page on the Hugging Face Hub.

What is made stands between two marks; what is outside of them is the author's own and stays (`merge_card`).
"""

import hashlib
from pathlib import Path

import msgspec

from smile_runtime.cards import sections
from smile_runtime.cards.front_matter import front_matter, join_front
from smile_runtime.cards.usage import usage
from smile_runtime.manifest import MANIFEST_NAME, FileRecord, Manifest, encode_manifest

CARD_NAME = "README.md"
START = "<!-- smile-zoo: made from config.json; write your own text outside of these two marks -->"
END = "<!-- smile-zoo: end -->"
USE = "How to use it"
TRAINING_DATA = "Training data"
LIMITS = "Limits and misuse"
CITATION = "Citation"

LIMITS_TEXT = """\
- Labels come from the reference alone. A cell of a type that it lacks is called `unknown` where it lies farther from
  the reference than nearly all cells of known types do (`smile_similarity`); where it is near a known type, it gets
  that label, at times with confidence. Cells of known types in a state that the reference has not seen can be called
  `unknown` too.
- The confidence is calibrated on left-out cells of the same studies. Other species, tissues, conditions or protocols
  can be worse; nothing says by how much.
- Features that a query lacks are made up for by those that it has. How much of what the encoder looks at was measured
  is told with every projection: the less, the worse.
- Types of which the reference has few cells are found least well: look at the macro-F1 beside the accuracy.
- Research use. Not for diagnosis or any decision on a patient, and not for finding out who a person is.
"""

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


def render_card(manifest: Manifest, *, repo: str | None = None) -> str:
    """Return the card of a space as Markdown with YAML front matter.

    Parameters
    ----------
    manifest
        What the space says of itself; of its ``files`` the pictures are shown.
    repo
        The repository of the Hub, ``ORG/NAME``, that the examples get the space from; None: they take the folder
        ``./NAME``.
    """
    parts = {
        USE: usage(manifest, repo),
        TRAINING_DATA: sections.source_list(manifest.sources),
        "Preprocessing": sections.preprocessing(manifest),
        "Settings": sections.settings(manifest),
        "Figures": sections.figures(manifest),
        "Pictures": sections.pictures(manifest),
        LIMITS: LIMITS_TEXT,
        CITATION: CITATION_TEXT,
    }
    body = [sections.about(manifest), *(f"## {title}\n\n{text}" for title, text in parts.items() if text)]
    return join_front(front_matter(manifest), "\n".join([f"{START}\n", *body, END]) + "\n")


def with_card(manifest: Manifest, card: str) -> Manifest:
    """Return a manifest that pins this card."""
    content = card.encode()
    record = FileRecord(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    return msgspec.structs.replace(manifest, files=dict(sorted({**manifest.files, CARD_NAME: record}.items())))


def write_card(space: Path, manifest: Manifest, card: str) -> Manifest:
    """Write the card of a space, and its manifest, which pins the card.

    Parameters
    ----------
    space
        The directory; its manifest need not be there yet.
    manifest
        What it says of itself, with all files but the card.
    card
        The card.

    Returns
    -------
        The manifest with the card's sha256 and size.
    """
    manifest = with_card(manifest, card)
    (space / CARD_NAME).write_bytes(card.encode())
    (space / MANIFEST_NAME).write_bytes(encode_manifest(manifest))
    return manifest
