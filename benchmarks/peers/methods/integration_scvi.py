"""ScVI as in the tutorial on atlas-level integration."""

from adapter import phase, report, task_folders
from integration_cells import write_embedding
from scvi_integration import train_scvi

task, output, seed = task_folders()
with phase("build"):
    embedding = train_scvi(task, seed).get_latent_representation()
write_embedding(output, embedding)
report("scvi-tools")
