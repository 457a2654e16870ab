"""ScANVI on a trained scVI model, as in the tutorial on atlas-level integration; reads the labels of all cells."""

import scvi
from adapter import phase, report, task_folders
from integration_cells import write_embedding
from scvi_integration import train_scvi

task, output, seed = task_folders()
with phase("build"):
    model = train_scvi(task, seed)
    labeled = scvi.model.SCANVI.from_scvi_model(model, labels_key="label", unlabeled_category="Unknown")
    labeled.train(max_epochs=20, n_samples_per_label=100, accelerator="cpu", enable_progress_bar=False)
    embedding = labeled.get_latent_representation()
write_embedding(output, embedding)
report("scvi-tools")
