"""Our composition: a space of the first modality, and then an encoder of the second."""

from pairs_smile import main

main("composition")
