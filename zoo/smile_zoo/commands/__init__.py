"""The subcommands of ``smile-zoo``: each parses, calls one function and formats."""
