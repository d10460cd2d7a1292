"""`clearsight status`: which parts run, and where they are reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from clearsight.restarts import Watch
    from clearsight.stack.supervisor import Stack

COLOURS = {"running": "green", "done": "green", "starting": "yellow", "dead": "red", "stopped": "bright_black"}


def register(app: typer.Typer) -> None:
    @app.command()
    def status(
        as_json: Annotated[bool, typer.Option("--json", help="For programs; holds the connection strings.")] = False,
    ) -> None:
        """Show every part; exit code 4 unless all are running or done, and where the connector fails.

        Example: clearsight status --json
        """
        from clearsight.errors import StackError
        from clearsight.settings import home
        from clearsight.stack.supervisor import Stack

        stack = Stack(home())
        watch = _watch_of(stack)
        print_status(stack, as_json, watch)
        broken = any(part.state not in ("running", "done") for part in stack.status())
        if broken or (watch is not None and watch.state != "running"):
            raise typer.Exit(StackError.exit_code)


def print_status(stack: Stack, as_json: bool, watch: Watch | None = None) -> None:
    """To standard output; `watch` is what workers remember of the connector."""
    import msgspec

    if as_json:
        whole = {**msgspec.structs.asdict(stack.description()), "connector": watch._asdict() if watch else None}
        typer.echo(msgspec.json.format(msgspec.json.encode(whole), indent=2).decode())
        return
    for part in stack.status():
        where = part.endpoint or ""
        typer.secho(f"{part.state:9}", fg=COLOURS[part.state], nl=False)
        typer.echo(f"{part.name:12} {part.pid or '':>8}  {where}".rstrip())
        for line in part.log:
            typer.secho(f"          | {line[:160]}", dim=True)
    if watch is not None and watch.state != "running":
        tried = f"restarted {watch.restarts} times" + ("; given up" if watch.state == "given_up" else "")
        typer.secho(f"{watch.state.replace('_', ' '):9}", fg="red", nl=False)
        typer.echo(f"connector    {tried}: {watch.reason}")


def _watch_of(stack: Stack) -> Watch | None:
    """None where nothing is known of it, and where the stack's database does not run."""
    from clearsight.settings import ConnectSettings
    from clearsight.stack import state
    from sql.connector_watch import observe_watch

    tree = state.load(stack.home).settings
    runs = {part.name for part in stack.status() if part.state == "running"}
    if not tree or "postgres" not in runs:
        return None
    return observe_watch(tree["report"]["api_dsn"], ConnectSettings(**tree["connect"]).connector_name)
