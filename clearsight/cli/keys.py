"""`clearsight keys`: who may ask over HTTP."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from clearsight.keys import DEFAULT_SCOPES, ROLES, SCOPES

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any

    from psycopg import Connection

Name = TypeVar("Name", bound=str)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Keys of the API: who may ask over HTTP, and what they see.")
    group.command()(create)
    group.command("list")(list_)
    group.command()(revoke)
    app.add_typer(group, name="keys")


def create(
    role: Annotated[str, typer.Option(help=f"One of {', '.join(ROLES)}: own scenarios, everything, everything.")],
    user: Annotated[
        str | None, typer.Option(help="The owner's id, as the application knows it; a viewer sees what they own.")
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(help=f"Of {', '.join(SCOPES)}; may be given several times; all but metrics by default."),
    ] = None,
    expires: Annotated[str, typer.Option(help="In so many days (90d) or hours (8h), or never.")] = "90d",
    note: Annotated[str | None, typer.Option(help="What it is for; shown in the list.")] = None,
    as_json: Json = False,
) -> None:
    """Make a key. It is shown this once; only a hash of it is kept.

    Example: clearsight keys create --role viewer --user u-17 --note "Power BI of sales" --expires 365d
    """
    import json

    from clearsight.cli.writer import caller
    from clearsight.keys import new_key
    from sql import keys

    chosen = _one_of(role, ROLES, "--role")
    scopes = [_one_of(each, SCOPES, "--scope") for each in scope or DEFAULT_SCOPES]
    if chosen == "viewer" and not user:
        raise typer.BadParameter("a viewer sees what somebody owns: say whose scenarios", param_hint="--user")
    expires_at = _expiry(expires, datetime.now(UTC))
    key = new_key()
    with _table() as connection:
        keys.add(connection, key, chosen, user, list(scopes), note, caller(), expires_at)
        unknown = user is not None and chosen == "viewer" and not keys.owns_scenarios(connection, user)
    if unknown:
        typer.echo(f"note: {user} owns no scenario that has landed yet", err=True)
    until = _clock(expires_at) if expires_at else None
    if as_json:
        typer.echo(json.dumps({"key": key.text, "key_id": key.key_id, "expires_at": until}))
        return
    typer.echo(key.text)
    typer.echo(
        f"Shown this once. Its id is {key.key_id}; it is valid {f'until {until}' if until else 'until revoked'}.",
        err=True,
    )


def list_(as_json: Json = False) -> None:
    """All keys, without what opens anything.

    Example: clearsight keys list
    """
    import msgspec

    from sql import keys

    now = datetime.now(UTC)
    with _table() as connection:
        found = keys.listed(connection)
    if as_json:
        items = [{**msgspec.to_builtins(key), "state": key.state(now)} for key in found]
        typer.echo(msgspec.json.encode({"keys": items}).decode())
        return
    for key in found:
        ends = f"until {_clock(key.expires_at)}" if key.expires_at else "without end"
        whose = f" of {key.user_id}" if key.user_id else ""
        note = f"  {key.note}" if key.note else ""
        typer.echo(f"{key.key_id}  {key.state(now):7}  {key.role}{whose}  {','.join(key.scopes)}  {ends}{note}")
    if not found:
        typer.echo("no key has been made yet: clearsight keys create --role analyst")


def revoke(key_ids: Annotated[list[str], typer.Argument(metavar="KEY_ID…", help="As `list` prints them.")]) -> None:
    """Make keys useless, within five seconds (CLEARSIGHT_API__KEY_CACHE_S) everywhere.

    Example: clearsight keys revoke 3f0c1a2b4d5e
    """
    from clearsight.errors import NotFound
    from sql import keys

    ids = [key_id.removeprefix("cs_")[:12] for key_id in key_ids]
    with _table() as connection:
        known = keys.revoke(connection, ids)
    if known:
        typer.echo(f"revoked: {', '.join(sorted(known))}")
    if unknown := sorted(set(ids) - known):
        raise NotFound(f"there is no key {', '.join(unknown)}", "see `clearsight keys list`")


def _table() -> AbstractContextManager[Connection[Any]]:
    from clearsight.settings import load_settings, required
    from sql.keys import key_table

    return key_table(required(load_settings().report.owner_dsn, "report.owner_dsn"))


def _one_of(given: str, names: tuple[Name, ...], option: str) -> Name:
    for name in names:
        if name == given:
            return name
    raise typer.BadParameter(f"{given!r} is none of {', '.join(names)}", param_hint=option)


def _expiry(text: str, now: datetime) -> datetime | None:
    if text == "never":
        return None
    found = re.fullmatch(r"(\d{1,5})([dh])", text)
    if found is None or int(found[1]) == 0:
        raise typer.BadParameter("write 90d, 8h or never", param_hint="--expires")
    number = int(found[1])
    return now + (timedelta(days=number) if found[2] == "d" else timedelta(hours=number))


def _clock(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")
