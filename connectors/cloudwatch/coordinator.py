"""When the coordinator of a consumer group was last heard from, by what librdkafka tells of itself."""

from __future__ import annotations

import msgspec

_NAME = "GroupCoordinator"


class _Broker(msgspec.Struct):
    rxidle: int = -1
    """Microseconds since its last answer; -1: none yet on this connection."""


class _Statistics(msgspec.Struct):
    brokers: dict[str, _Broker] = {}


_decode = msgspec.json.Decoder(_Statistics).decode


def idle_s(statistics: str) -> float | None:
    """Since the coordinator, who answers every sign of life, last answered; None where it is not known."""
    try:
        broker = _decode(statistics).brokers.get(_NAME)
    except msgspec.DecodeError:
        return None
    return None if broker is None or broker.rxidle < 0 else broker.rxidle / 1e6
