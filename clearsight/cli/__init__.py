"""The `clearsight` command: one file a command, each importing its heavy parts only when it runs."""
