"""Where live questions go, as the settings say: every account and region, every group that is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from clearsight.errors import ConfigurationError, Unavailable
from clearsight.settings import Settings
from connectors.cloudwatch.groups import GroupFinder
from connectors.cloudwatch.lines import Origin
from connectors.cloudwatch.live.answer import Reader
from connectors.cloudwatch.live.insights import Insights
from connectors.cloudwatch.parse.configured import names_of
from connectors.cloudwatch.places import Place, connect, places
from connectors.cloudwatch.redact.configured import redactor_of
from connectors.cloudwatch.transcript import Transcript


def live_places(settings: Settings, timeout_s: float) -> Iterator[tuple[Insights, Reader]]:
    """Raises ConfigurationError where no group is named, Unavailable where AWS cannot be asked."""
    redactor, names = redactor_of(settings.redaction), names_of(settings.mapping.logs)
    asked = False
    for place in places(settings.cloudwatch):
        client = _client(place)
        groups = _groups(settings, place, client)
        if groups:
            asked = True
            reader = Reader(lambda origin: Transcript(origin, redactor, names), place.region, settings.mapping.errors)
            yield Insights(client, groups, timeout_s), reader
    if not asked:
        raise ConfigurationError("there is no log group to ask", "name log groups in CLEARSIGHT_CLOUDWATCH__GROUPS")


def _client(place: Place) -> Any:
    try:
        return connect(place)
    except (ClientError, BotoCoreError) as error:
        raise _no_answer(error) from error


def _groups(settings: Settings, place: Place, client: Any) -> list[str]:
    home = Origin(settings.cloudwatch.account_id, settings.cloudwatch.region, "")
    finder = GroupFinder(client, place.groups, place.account, place.region, home)
    try:
        return [target.identifier for target in (*finder.fixed(), *finder.discover())]
    except (ClientError, BotoCoreError) as error:
        raise _no_answer(error) from error


def _no_answer(error: Exception) -> Unavailable:
    mend = "check the credentials, the network and CLEARSIGHT_CLOUDWATCH__ENDPOINT_URL"
    return Unavailable(f"CloudWatch does not answer ({type(error).__name__})", mend)
