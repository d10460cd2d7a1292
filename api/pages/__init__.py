"""The web page: what a developer looks at first. Mounted on the API, or served apart from it when the API scales."""

from __future__ import annotations

from fastapi import FastAPI
from nicegui import ui

from api.pages import run, start
from api.service import Service


def mount(application: FastAPI) -> None:
    """Serve `/` and `/run/{id}` beside the API's own paths."""
    service: Service = application.state.service
    start.register(service)
    run.register(service)
    ui.run_with(application, title="ClearSight RCA", dark=None, show_welcome_message=False)
