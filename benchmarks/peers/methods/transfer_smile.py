"""smile-zoo as documented in its README: ``train`` from a file, at the settings it drafts, then ``project``.

``--evaluation sample`` calibrates confidence and ``unknown`` by one training, as is the default for more than 5,000
cells; the default for fewer, a full cross-validation, takes several times as long, mostly for the figures of the card.
"""

import anndata
from adapter import phase, report, task_folders
from transfer_task import write_labels

from smile_zoo.cli.main import cli

task, output, _ = task_folders()
space, labeled = str(output / "space"), str(output / "labeled.h5ad")
reference = anndata.read_h5ad(task / "reference.h5ad", backed="r")
batch = ["--batch", "batch"] if reference.obs["batch"].nunique() > 1 else []
with phase("build"):
    cli.main(
        ["train", str(task / "reference.h5ad"), "--labels", "label", *batch, "-o", space, "--evaluation", "sample"],
        standalone_mode=False,
    )
with phase("project"):
    cli.main(["project", str(task / "query.h5ad"), space, "-o", labeled], standalone_mode=False)
found = anndata.read_h5ad(labeled).obs
write_labels(
    found.index,
    found["smile_label"],
    found["smile_confidence"],
    nearest=found["smile_nearest_label"],
    novelty=1 - found["smile_similarity"],
)
report("smile-zoo")
