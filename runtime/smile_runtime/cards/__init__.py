"""The card of a space: what its README.md says, made from the manifest."""
