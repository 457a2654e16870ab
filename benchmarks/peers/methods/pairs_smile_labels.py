"""Our composition, which also knows the labels of the training cells."""

from pairs_smile import main

main(labels=True)
