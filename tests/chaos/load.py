"""The demonstration's traffic by users who do not give up: what a fault breaks they leave, and begin something new."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from chaos.intents import Intents
from sqlalchemy.exc import SQLAlchemyError

from clearsight.demo.application import ForecastApplication
from clearsight.demo.pace import Pace
from clearsight.demo.seeds import Seeds
from clearsight.demo.traffic import TrafficWorker

PEOPLE = 3
AGAIN_S = 0.3


@dataclass
class Load:
    """Threads that work until `stop`."""

    application: ForecastApplication
    seeds: Seeds
    pace: Pace
    intents: Intents = field(init=False)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _failure: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.intents = Intents(self.application.engine)

    def start(self) -> None:
        for number in range(PEOPLE):
            thread = threading.Thread(target=self._work, args=(number,), name="load", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Raises what a thread could not go on after: anything but the database's being away."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        if self._failure:
            raise self._failure[0]

    def _work(self, number: int) -> None:
        """Each life has users and scenarios of its own, so one scenario is never changed by two at once."""
        lives = 0
        try:
            while not self._stopping.is_set():
                worker = TrafficWorker(self.application, self.seeds, number + lives * PEOPLE)
                self._live(worker)
                lives += 1
        except Exception as error:  # told by `stop`
            self._failure.append(error)

    def _live(self, worker: TrafficWorker) -> None:
        """Until the database goes away; what was committed then and what was not, only the ledger knows."""
        try:
            worker.settle(self.pace)
            while not self._stopping.is_set():
                worker.step(self.pace)
        except SQLAlchemyError:
            time.sleep(AGAIN_S)
