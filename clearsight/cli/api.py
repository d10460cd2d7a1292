"""clearsight api"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import typer

from clearsight.errors import ConfigurationError
from clearsight.listening import bound

if TYPE_CHECKING:
    from clearsight.settings import ApiSettings

AUTHENTICATION_OFF = (
    "DEVELOPMENT MODE: authentication is off, and everybody on this machine sees everything. "
    "Set CLEARSIGHT_API__AUTH=keys before others can reach it."
)


def register(app: typer.Typer) -> None:
    @app.command()
    def api() -> None:
        """Serve the questions over HTTP, and the page, on CLEARSIGHT_API__HOST and CLEARSIGHT_API__PORT.

        Authentication is off, and everybody on this machine sees everything, until CLEARSIGHT_API__AUTH=keys.

        Example: CLEARSIGHT_API__PORT=8010 clearsight api
        """
        from clearsight.settings import load_settings

        settings = load_settings()
        require_loopback(settings.api)
        require_free_port(settings.api)

        import uvicorn

        from api.main import create_app

        if settings.api.auth == "off":
            typer.secho(AUTHENTICATION_OFF, fg="yellow", bold=True, err=True)
        uvicorn.run(
            create_app(settings),
            host=settings.api.host,
            port=settings.api.port,
            log_level=_log_level(settings.log_level),
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )


def require_loopback(api: ApiSettings) -> None:
    """Raises ConfigurationError for an address that others can reach while authentication is off."""
    if api.auth == "keys" or api.allow_unauthenticated or _is_loopback(api.host):
        return
    raise ConfigurationError(
        f"api.host is {api.host}, which others can reach, and authentication is off",
        "set CLEARSIGHT_API__AUTH=keys and make keys with `clearsight keys create`, or CLEARSIGHT_API__HOST=127.0.0.1",
    )


def _log_level(name: str) -> str:
    """At `trace` uvicorn would print the headers and addresses of requests, keys and all."""
    return "debug" if name.lower() == "trace" else name.lower()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_free_port(api: ApiSettings) -> None:
    """Raises ConfigurationError where the address cannot be listened on."""
    try:
        bound(api.host, api.port).close()
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {api.host}:{api.port}: {error.strerror}",
            "stop what uses it, or set CLEARSIGHT_API__PORT to another port",
        ) from None
