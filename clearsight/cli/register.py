"""`clearsight register`"""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command(name="register")(register_connector)


def register_connector(
    prepare: Annotated[bool, typer.Option(help="first prepare the source with source.admin_dsn")] = False,
    print_sql: Annotated[bool, typer.Option("--print-sql", help="only print the SQL that prepares a source")] = False,
) -> None:
    """Create the topics and create or update the Debezium connector; return when its task runs. Safe to run again.

    Example: clearsight register --print-sql | less
    """
    from clearsight.settings import load_settings
    from connectors.debezium import source
    from connectors.debezium.register import connector_config, register
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
        typer.echo(f"created {len(created)} topics")
    differing = differing_topics(settings.kafka, mapping.tables())
    for finding in differing:
        typer.secho(f"{finding.severity}: {finding.what}", fg="yellow", err=True)
    if differing:
        typer.echo("  mend: see `clearsight doctor --area kafka`; existing topics are left as they are", err=True)
    register(settings.connect, connector_config(settings, mapping))
    typer.echo(f"connector {settings.connect.connector_name} runs")
