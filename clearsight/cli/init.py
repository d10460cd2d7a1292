"""`clearsight init`: from an application's catalogue to a mapping file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from clearsight.mapping import Mapping
    from clearsight.proposal.answers import Answers
    from clearsight.proposal.catalogue import Catalogue
    from clearsight.proposal.misfits import Misfit


def register(app: typer.Typer) -> None:
    app.command(name="init")(init)


def init(
    source: Annotated[
        str,
        typer.Option(
            metavar="DSN",
            help="The application's database: a URL, env:NAME of a variable that holds it, or @FILE; the password may "
            "be in PGPASSWORD or ~/.pgpass. Without it: CLEARSIGHT_SOURCE__DSN.",
        ),
    ] = "",
    answer: Annotated[
        list[str] | None,
        typer.Option(
            "--answer",
            "-a",
            metavar="PART=TABLE",
            help="Decide instead of a guess: run=app.job, user=none, other=app.step, run.error=message.",
        ),
    ] = None,
    schema: Annotated[list[str] | None, typer.Option(help="Look at this schema only; may be repeated.")] = None,
    write: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the mapping file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE.")] = False,
    check: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Compare this mapping file with the database instead.")
    ] = None,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the SQL that prepares the source, for its administrator.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: all candidates, scores and reasons.")] = False,
) -> None:
    """Propose a mapping file for an application's database: which table holds scenarios, inputs, runs and users.

    Reads the catalogue in one read-only transaction and changes nothing. Says of each guess how sure it is and why.

    Example: clearsight init --source postgresql://me@db.example/app --write clearsight.toml
    """
    from clearsight.errors import ConfigurationError
    from clearsight.mapping_file import load_mapping
    from clearsight.proposal.answers import Answers

    answers = Answers.parse(answer or ())
    if write and write.exists() and not force:
        raise ConfigurationError(f"{write} exists", "choose another name, or overwrite it with --force")
    if check:
        _check(check, load_mapping(check, "--check"), _read(source, schema), sql, as_json)
        return
    catalogue = _read(source, schema, answers)
    _propose(catalogue, answers, write, sql, as_json)


def _propose(catalogue: Catalogue, answers: Answers, write: Path | None, sql: bool, as_json: bool) -> None:
    from clearsight.cli.init_report import as_document, summary
    from clearsight.mapping_file import DEFAULT_MAPPING, load_mapping, parse_mapping
    from clearsight.proposal.misfits import misfits
    from clearsight.proposal.propose import propose
    from clearsight.proposal.text import mapping_text

    proposal = propose(catalogue, answers)
    text = mapping_text(proposal, load_mapping(DEFAULT_MAPPING).errors)
    mapping = parse_mapping(text, str(write or "clearsight.toml"))
    _require_fit(misfits(mapping, catalogue))
    prepared = _source_sql(mapping, catalogue)
    if write:
        _write(write, text)
    if as_json:
        typer.echo(as_document(proposal, catalogue, text, prepared))
    elif sql:
        typer.echo(prepared, nl=False)
    elif not write:
        typer.echo(text, nl=False)
    typer.echo(summary(proposal, catalogue, str(write) if write else None), err=True)


def _require_fit(found: list[Misfit]) -> None:
    """A proposal is built from the catalogue, so only what a user decided can be wrong in it."""
    from clearsight.errors import SourceError

    for misfit in found:
        raise SourceError(misfit.message, f"{misfit.mend}; or answer otherwise with --answer")


def _check(path: Path, mapping: Mapping, catalogue: Catalogue, sql: bool, as_json: bool) -> None:
    import msgspec

    from clearsight.errors import SourceError
    from clearsight.proposal.misfits import doubts, misfits

    text = path.read_text(encoding="utf-8")
    found, unsure = misfits(mapping, catalogue), doubts(mapping, catalogue)
    if as_json:
        document = {"file": str(path), "fits": not found, "misfits": found, "unsure": unsure}
        typer.echo(msgspec.json.encode(document).decode())
    else:
        _say("error", found, path, text)
        _say("unsure", unsure, path, text)
    if found:
        raise typer.Exit(SourceError.exit_code)
    if sql:
        typer.echo(_source_sql(mapping, catalogue), nl=False)
    elif not as_json:
        tables = len(mapping.tables())
        but = f", if what is unsure is right ({len(unsure)})" if unsure else ""
        typer.echo(f"{path} fits the database {catalogue.database}: {tables} table{'' if tables == 1 else 's'}{but}")


def _say(word: str, found: list[Misfit], path: Path, text: str) -> None:
    for misfit in found:
        line = misfit.line(text)
        place = f"{path}:{line}" if line else str(path)
        typer.echo(f"{word}: {place}: source.{misfit.part}.{misfit.key}: {misfit.message}", err=True)
        typer.echo(f"  mend: {misfit.mend}", err=True)


def _read(source: str, schemas: list[str] | None, answers: Answers | None = None) -> Catalogue:
    """The catalogue; with `answers`, which is not None where something is proposed, with samples of status columns."""
    import psycopg

    from clearsight.errors import SourceError, Unavailable, first_line_of
    from clearsight.proposal.propose import wanted_samples
    from connectors.debezium.catalogue import only_reading, read_catalogue, sampled_values
    from connectors.debezium.source import connect

    dsn, named = _address(source)
    try:
        with connect(dsn, named) as connection, only_reading(connection):
            catalogue = read_catalogue(connection, schemas)
            if answers is not None and catalogue.tables:
                catalogue = catalogue.with_samples(sampled_values(connection, wanted_samples(catalogue, answers)))
    except psycopg.Error as error:
        reason = first_line_of(error)
        raise Unavailable(f"reading the catalogue: {reason}", "try again when the database is less busy") from None
    if catalogue.server_version < _OLDEST:
        version = catalogue.server_version // 10_000
        raise SourceError(f"the source is PostgreSQL {version}; it must be 14 or newer", "upgrade the source")
    return catalogue


_OLDEST = 140_000


def _address(source: str) -> tuple[str, str]:
    """The connection string that `--source` speaks of, and how to name it in an error."""
    import os

    from clearsight.errors import ConfigurationError
    from clearsight.settings import load_settings, required

    if source.startswith("env:"):
        name = source.removeprefix("env:")
        if not os.environ.get(name):
            raise ConfigurationError(
                f"--source {source}: the variable {name} is not set", f"export {name}=postgresql://…"
            )
        return os.environ[name], name
    if source.startswith("@"):
        path = Path(source.removeprefix("@"))
        try:
            return path.read_text(encoding="utf-8").strip(), str(path)
        except (OSError, UnicodeDecodeError):
            raise ConfigurationError(f"--source {source}: {path} cannot be read", "correct the file's name") from None
    if source:
        return source, "--source"
    return required(load_settings().source.dsn, "source.dsn"), "CLEARSIGHT_SOURCE__DSN"


def _source_sql(mapping: Mapping, catalogue: Catalogue) -> str:
    from clearsight.settings import load_settings
    from connectors.debezium.source import facts, preparation_text

    return preparation_text(load_settings().source, mapping, facts(catalogue, mapping), catalogue.database)


def _write(path: Path, text: str) -> None:
    from clearsight.errors import ConfigurationError

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}", "choose another file") from None
