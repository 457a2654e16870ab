"""ScANVI on a trained scVI model, as in the tutorial on atlas-level integration; reads the labels of all cells."""

import scvi
from adapter import phase, report, task_folders
from integration_cells import read_variable_genes, write_embedding

task, output, seed = task_folders()
with phase("build"):
    scvi.settings.seed = seed
    adata = read_variable_genes(task)
    scvi.model.SCVI.setup_anndata(adata, layer="counts", batch_key="batch")
    model = scvi.model.SCVI(adata, n_layers=2, n_latent=30, gene_likelihood="nb")
    model.train(accelerator="cpu", enable_progress_bar=False)
    labeled = scvi.model.SCANVI.from_scvi_model(model, labels_key="label", unlabeled_category="Unknown")
    labeled.train(max_epochs=20, n_samples_per_label=100, accelerator="cpu", enable_progress_bar=False)
    embedding = labeled.get_latent_representation()
write_embedding(output, embedding)
report("scvi-tools")
