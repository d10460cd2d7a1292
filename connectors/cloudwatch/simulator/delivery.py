"""Carries subscription payloads to a Kinesis data stream, or to an HTTP address as Firehose does, until they are taken."""

from __future__ import annotations

import base64
import logging
import time
import uuid
from queue import SimpleQueue
from threading import Thread
from typing import Any

import boto3
import httpx
import orjson
from botocore.exceptions import BotoCoreError, ClientError

log = logging.getLogger(__name__)

RETRY_S = 0.5
TIMEOUT_S = 35.0


class Courier:
    """`kinesis_url` and `push_url` stand for the destinations whose ARNs are of Kinesis and of Firehose."""

    def __init__(self, region: str, kinesis_url: str | None, push_url: str | None, access_key: str | None) -> None:
        self._queue: SimpleQueue[tuple[str, bytes]] = SimpleQueue()
        self._push_url = push_url
        self._access_key = access_key
        self._kinesis: Any = None
        if kinesis_url:
            session: Any = boto3.session.Session()
            self._kinesis = session.client(
                "kinesis",
                region_name=region,
                endpoint_url=kinesis_url,
                aws_access_key_id="simulator",
                aws_secret_access_key="simulator",  # noqa: S106 - nobody checks it
            )
        Thread(target=self._run, name="courier", daemon=True).start()

    def __call__(self, destination: str, payload: bytes) -> None:
        self._queue.put((destination, payload))

    def _run(self) -> None:
        while True:
            destination, payload = self._queue.get()
            while not self._carried(destination, payload):
                time.sleep(RETRY_S)

    def _carried(self, destination: str, payload: bytes) -> bool:
        try:
            if ":kinesis:" in destination and self._kinesis is not None:
                name = destination.rpartition("/")[2]
                self._kinesis.put_record(StreamName=name, Data=payload, PartitionKey=uuid.uuid4().hex)
                return True
            if ":firehose:" in destination and self._push_url:
                return self._pushed(payload)
        except (ClientError, BotoCoreError, httpx.HTTPError) as error:
            log.warning("%s does not take a payload (%s); it is tried again", destination, type(error).__name__)
            return False
        log.warning("no way to %s is known; a payload is lost", destination)
        return True

    def _pushed(self, payload: bytes) -> bool:
        request_id = str(uuid.uuid4())
        body = {
            "requestId": request_id,
            "timestamp": time.time_ns() // 1_000_000,
            "records": [{"data": base64.b64encode(payload).decode()}],
        }
        headers = {"Content-Type": "application/json", "X-Amz-Firehose-Request-Id": request_id}
        if self._access_key:
            headers["X-Amz-Firehose-Access-Key"] = self._access_key
        answer = httpx.post(str(self._push_url), content=orjson.dumps(body), headers=headers, timeout=TIMEOUT_S)
        return answer.status_code == httpx.codes.OK
