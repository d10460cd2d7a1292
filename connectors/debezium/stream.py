"""Starts the stream of changes, or goes on with it: which of the two is never left to chance."""

from __future__ import annotations

from clearsight.errors import SourceError
from clearsight.mapping import Mapping
from clearsight.origin import Identity, Origin
from clearsight.settings import Settings, required
from clearsight.topics import TopicNames
from connectors.debezium import heartbeat, origin, slot
from connectors.debezium.register import Registered, begin_anew, connector_config, register, registered
from connectors.debezium.source import connect

_MEND = "`clearsight register --new-snapshot` begins anew; what was committed in between stays a gap, which is recorded"


def stream(settings: Settings, mapping: Mapping, new_snapshot: bool = False) -> Origin:
    """Create or update the connector; return when its task runs.

    Raises SourceError where it cannot go on where it was and no new snapshot was asked for, and as `register` does.
    """
    names = settings.source
    with connect(required(names.dsn, "source.dsn"), "CLEARSIGHT_SOURCE__DSN") as connection:
        known = registered(settings.connect)
        before = _before(settings, known)
        now = origin.following(before, heartbeat.identity(connection, names.slot, names.publication), new_snapshot)
        config = connector_config(settings, mapping) | origin.settings(now)
        if new_snapshot:
            begin_anew(settings.connect, config, lambda: slot.drop(connection, names.slot))
            return now
        if known is not None and known.has_position:
            _require_same(before, now.identity, names.slot, slot.is_lost(connection, names.slot))
    register(settings.connect, config)
    return now


def _before(settings: Settings, known: Registered | None) -> Origin | None:
    """Where the connector's configuration does not say it, the last record does."""
    before = origin.configured(known.config) if known is not None else None
    return before or origin.last_written(
        settings.kafka.bootstrap_servers, TopicNames(settings.kafka.topic_prefix).message
    )


def _require_same(before: Origin | None, now: Identity, name: str, lost: bool) -> None:
    if before is not None and before.identity.system != now.system:
        raise SourceError(f"the source is another database than before: {now}, it was {before.identity}", _MEND)
    if lost:
        raise SourceError(f"the replication slot {name} is gone: the connector cannot go on where it was", _MEND)
