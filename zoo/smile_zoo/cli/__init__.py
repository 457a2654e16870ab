"""The ``smile-zoo`` command, one module a subcommand."""
