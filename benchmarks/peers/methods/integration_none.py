"""Variable genes as they are, log-normalized."""

from adapter import phase, report, task_folders
from integration_cells import read_variable_genes, write_embedding

task, output, _ = task_folders()
with phase("build"):
    embedding = read_variable_genes(task).X.toarray()
write_embedding(output, embedding)
report("scanpy")
