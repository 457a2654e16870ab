"""Our mpSMILE, which also knows the labels of the training cells: partners have the same label."""

from pairs_smile import main

main(labels=True)
