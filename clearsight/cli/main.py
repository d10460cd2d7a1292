"""The entry point: gathers the commands and turns our errors into one line, a mend and an exit code."""

from __future__ import annotations

import os
import sys

import typer

from clearsight.cli import app
from clearsight.errors import ClearSightError


def main() -> None:
    """Run the command. Errors of ours print without a traceback unless `--debug` is given."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app.build()(arguments, standalone_mode=True)
    except ClearSightError as error:
        if debug:
            raise
        typer.secho(f"error: {error.message}", fg="red", err=True)
        if error.mend:
            typer.echo(f"  mend: {error.mend}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
