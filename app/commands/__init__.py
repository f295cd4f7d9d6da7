"""What `python -m app` can do, one file a command: `arguments(parser)` and `run(args) -> exit code`."""
