"""`python -m clearsight` is the `clearsight` command."""

from clearsight.cli.main import main

main()
