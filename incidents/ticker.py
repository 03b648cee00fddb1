"""
The only file that knows APScheduler. It wakes the service; what is owed is computed from the log, never kept here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from incidents.errors import AndonError
from incidents.service import Service

MOMENT_S = 0.2  # so late a deadline may be noticed that passes between two seconds
# A run that finds the last one still at work is passed over; that is meant, and no news.
logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)

log = structlog.get_logger("andon.ticker")


class Ticker:
    """Once a second, once an hour, and when a deadline has passed; a missed run is simply the next one."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._scheduler = BackgroundScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        self._scheduler.add_job(_said(service.every_second), "interval", seconds=1, id="second")
        self._scheduler.add_job(_said(service.every_moment), "interval", seconds=MOMENT_S, id="moment")
        self._scheduler.add_job(_said(service.every_hour), "interval", hours=1, id="hour")

    def start(self) -> None:
        self._service.clockwork.ticked = True
        self._scheduler.start()

    def stop(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)


def _said(job: Callable[[], None]) -> Callable[[], None]:
    """A job that fails says so and is run again at its next time."""

    def run() -> None:
        try:
            job()
        except Exception as error:
            log.warning("tick_failed", job=job.__name__, error=str(error), exc_info=not isinstance(error, AndonError))

    return run
