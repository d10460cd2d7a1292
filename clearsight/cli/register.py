"""`clearsight register`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from connectors.topics import Differing


def register(app: typer.Typer) -> None:
    app.command(name="register")(register_connector)


def register_connector(
    prepare: Annotated[bool, typer.Option(help="first prepare the source with source.admin_dsn")] = False,
    print_sql: Annotated[bool, typer.Option("--print-sql", help="only print the SQL that prepares a source")] = False,
    new_snapshot: Annotated[
        bool,
        typer.Option(
            "--new-snapshot",
            help="forget where the connector was: for a lost replication slot or a restored source; a gap is recorded",
        ),
    ] = False,
) -> None:
    """Create the topics and create or update the Debezium connector; return when its task runs. Safe to run again.

    Existing topics are left as they are. Where their settings would lose records, it ends with 1 instead.

    Example: clearsight register --print-sql | less
    """
    from clearsight.settings import load_settings
    from connectors.debezium import source
    from connectors.debezium.stream import stream
    from connectors.topics import create_topics, differing_topics

    settings = load_settings()
    mapping = settings.mapping
    if print_sql:
        typer.echo(source.preparation_text(settings.source, mapping), nl=False)
        return
    if prepare:
        source.prepare(settings.source, mapping)
    source.check_source(settings.source, mapping)
    created = create_topics(settings.kafka, mapping.tables())
    if created:
        typer.echo(f"created {len(created)} topic{'' if len(created) == 1 else 's'}")
    _require_topics(differing_topics(settings.kafka, mapping.tables()))
    stream(settings, mapping, new_snapshot)
    typer.echo(f"connector {settings.connect.connector_name} runs")


def _require_topics(differing: Differing) -> None:
    """Name what differs. Raises ClearSightError where records would be lost by it."""
    from clearsight.errors import ClearSightError

    for severity, findings in (("error", differing.losing), ("warning", differing.lesser)):
        for finding in findings:
            colour = "red" if severity == "error" else "yellow"
            typer.secho(f"{severity}: {finding.what}", fg=colour, err=True)
            typer.echo(f"  mend: {finding.mend}", err=True)
    if differing.losing:
        raise ClearSightError(
            "the connector was not created or changed: records would be lost, or their order",
            "mend the topics named as errors, see `clearsight doctor --area kafka`, then register again",
        )
