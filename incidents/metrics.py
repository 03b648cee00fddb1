"""
Counters for Prometheus. Diagnosis only: nothing reads them back.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
DECISIONS = Counter("andon_decisions", "Decisions, by route and reason", ["route", "reason"], registry=REGISTRY)
LEASES = Counter("andon_leases", "Lease requests, by verdict", ["verdict"], registry=REGISTRY)
STREAMS = Gauge("andon_streams", "Open change streams", registry=REGISTRY)
REVISION = Gauge("andon_revision", "Newest revision that points can hold", registry=REGISTRY)
HEAD = Gauge("andon_ledger_seq", "Sequence number of the newest event", registry=REGISTRY)
HEAD_AGE = Gauge("andon_head_age_seconds", "Age of the last look at the ledger's head", registry=REGISTRY)
BLOCKED = Gauge("andon_grants_blocked", "1 while a kill could not be recorded", registry=REGISTRY)
POINTS = Gauge("andon_points", "Enforcement points, by standing", ["standing"], registry=REGISTRY)
OPEN_INCIDENTS = Gauge("andon_incidents_holding", "Incidents that hold something, by kind", ["kind"], registry=REGISTRY)
CONTAINED = Histogram(
    "andon_contained_seconds",
    "From the order to contained",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60),
    registry=REGISTRY,
)
SLACK_REFUSED = Counter("andon_slack_refused", "Requests that were not Slack's, by why", ["reason"], registry=REGISTRY)
CYCLE_FAILURES = Counter("andon_cycle_failures", "Engine cycles that failed", registry=REGISTRY)
EFFECTS = Counter("andon_effects", "Tries of messages and orders", ["channel", "outcome"], registry=REGISTRY)
EFFECTS_OWED = Gauge("andon_effects_owed", "Messages and orders that are owed now", ["table"], registry=REGISTRY)
TURN_AGE = Gauge("andon_postroom_turn_age_seconds", "Since what is owed was last looked at", registry=REGISTRY)
CLOCKS_PENDING = Gauge("andon_clocks_pending", "Clocks that something is still to be done about", registry=REGISTRY)
CLOCKS_MISSED = Counter("andon_clocks_missed", "Strict deadlines noticed to have passed", registry=REGISTRY)
