"""The card of a space: its README.md, made from the manifest, and its page on the Hugging Face Hub.

What is made stands between two marks; what is outside of them is the author's own and stays (`merge_card`).
"""

from smile_runtime.cards import sections
from smile_runtime.cards.front_matter import front_matter, join_front
from smile_runtime.cards.usage import usage
from smile_runtime.manifest import Manifest

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
