"""Principal components of variable genes, without any correction."""

from adapter import phase, report, task_folders
from integration_cells import principal_components, read_variable_genes, write_embedding

task, output, seed = task_folders()
with phase("build"):
    embedding = principal_components(read_variable_genes(task), seed)
write_embedding(output, embedding)
report("scanpy")
