"""The ``smile-zoo`` command: ``main.py`` runs it, and each subcommand is the ``command`` of the module of its name."""
