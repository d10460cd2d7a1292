"""What the forwarder tells Prometheus."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from connectors.cloudwatch.parse.record import Parsed

LAGS_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1800.0, 7200.0)


class Ages(NamedTuple):
    """How old is what a group is settled through, in milliseconds."""

    through_ms: int
    horizon_ms: int
    """Later lines of before it are not looked for any more."""
    swept_ms: Mapping[str, int]
    """Tier → since all that it had to read was read."""


class Meter(Protocol):
    """What the forwarder tells while it works."""

    def lines(self, via: str, parsed: Sequence[Parsed], repeated: int) -> None:
        """New lines were handed to Kafka; others were there already."""

    def visible(self, lag_ms: int, late_tier: str | None) -> None:
        """A new line could be read that long after its own time; `late_tier` found it where the hot tier had not."""

    def call(self, operation: str, result: str) -> None:
        """CloudWatch answered a call, or did not: ok, throttled, missing, denied, away."""

    def pushed(self, outcome: str) -> None:
        """A pushed payload came: data, control or unreadable."""

    def group(self, name: str, seen_ids: int, ages: Ages) -> None:
        """Where a group stands after a window."""

    def dropped(self, name: str, records: int) -> None:
        """Lambda has dropped that many lines of a group before CloudWatch had them."""

    def gone(self, name: str) -> None:
        """A group is no longer read."""


class Unmetered:
    def lines(self, via: str, parsed: Sequence[Parsed], repeated: int) -> None:
        pass

    def visible(self, lag_ms: int, late_tier: str | None) -> None:
        pass

    def call(self, operation: str, result: str) -> None:
        pass

    def pushed(self, outcome: str) -> None:
        pass

    def group(self, name: str, seen_ids: int, ages: Ages) -> None:
        pass

    def dropped(self, name: str, records: int) -> None:
        pass

    def gone(self, name: str) -> None:
        pass


class ForwarderMetrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"clearsight_forwarder_{name}", what, labels, registry=self.registry)

        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(f"clearsight_forwarder_{name}", what, labels, registry=self.registry)

        self._lines = counter("lines", "New lines, each once", "via")
        self._repeated = counter("repeated", "Lines that were read again and not sent again")
        self._late = counter("late", "Lines that a wider tier found where the hot one had not", "tier")
        self._formats = counter("parsed", "New lines by format", "format")
        self._correlations = counter("correlated", "New lines by how their correlation id was found", "source")
        self._redactions = counter("redactions", "Secrets and personal data that were replaced, by kind", "kind")
        self._calls = counter("calls", "Calls of CloudWatch by outcome", "operation", "result")
        self._pushed = counter("pushed", "Pushed payloads", "outcome")
        self._dropped = counter("logs_dropped", "Lines that Lambda dropped before CloudWatch had them", "group")
        self._visible = Histogram(
            "clearsight_forwarder_visible_lag_seconds",
            "From a line's own time until it could be read",
            buckets=LAGS_S,
            registry=self.registry,
        )
        self._watermark = gauge("watermark_age_seconds", "Age of what a group is settled through", "group")
        self._horizon = gauge("horizon_age_seconds", "Age of what every tier has settled", "group")
        self._swept = gauge("tier_age_seconds", "Since a tier had read all that it had to", "group", "tier")
        self._seen = gauge("seen_ids", "Ids that are remembered", "group")
        self.kafka_silent = gauge("kafka_silent_seconds", "Since Kafka, which gives the lease, was last heard from")
        self.leading = gauge("leading", "1 while this forwarder holds the lease")

    def lines(self, via: str, parsed: Sequence[Parsed], repeated: int) -> None:
        self._repeated.inc(repeated)
        if not parsed:
            return
        self._lines.labels(via).inc(len(parsed))
        for name, count in Tally(line.format for line in parsed).items():
            self._formats.labels(name).inc(count)
        for source, count in Tally(line.correlation_source for line in parsed).items():
            self._correlations.labels(source).inc(count)
        for line in parsed:
            for kind, count in line.redactions.items():
                self._redactions.labels(kind).inc(count)

    def visible(self, lag_ms: int, late_tier: str | None) -> None:
        self._visible.observe(lag_ms / 1000)
        if late_tier:
            self._late.labels(late_tier).inc()

    def call(self, operation: str, result: str) -> None:
        self._calls.labels(operation, result).inc()

    def pushed(self, outcome: str) -> None:
        self._pushed.labels(outcome).inc()

    def group(self, name: str, seen_ids: int, ages: Ages) -> None:
        since = time.monotonic()
        self._watermark.labels(name).set_function(partial(_grown, ages.through_ms / 1000, since))
        self._horizon.labels(name).set_function(partial(_grown, ages.horizon_ms / 1000, since))
        for tier, age_ms in ages.swept_ms.items():
            self._swept.labels(name, tier).set_function(partial(_grown, age_ms / 1000, since))
        self._seen.labels(name).set(seen_ids)

    def dropped(self, name: str, records: int) -> None:
        self._dropped.labels(name).inc(records)

    def gone(self, name: str) -> None:
        for gauge in (self._watermark, self._horizon, self._swept, self._seen):
            gauge.remove_by_labels({"group": name})


def _grown(age_s: float, since: float) -> float:
    """An age that was told then: a group that cannot be read grows older all the same."""
    return age_s + time.monotonic() - since
