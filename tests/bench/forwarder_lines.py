"""Log lines as applications write them, for the forwarder's benchmarks: 60 % Powertools, 20 % Lambda's text, 10 % of its
platform, 10 % with a traceback; about 500 bytes each."""

from __future__ import annotations

import json
import uuid

TRACEBACK = "".join(
    f'  File "/var/task/forecast/{name}.py", line {40 + n}, in {name}\n    return step({name})\n'
    for n, name in enumerate(("handler", "plan", "capacity", "demand"))
)
_IDS = [str(uuid.UUID(int=n * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128))) for n in range(1, 1001)]


def message(number: int) -> str:
    request, correlation = _IDS[number // 20 % 1000], _IDS[number // 40 % 1000]
    kind = number % 10
    if kind < 6:
        return _powertools(number, request, correlation)
    if kind < 8:
        return (
            f"[INFO]\t2026-11-22T08:00:00.{number % 1000:03}Z\t{request}\tcorrelation_id={correlation} node=capacity "
            f"step {number} took {number % 900} ms; mail a{number}@example.com was told, retries 0, " + "x" * 250 + "\n"
        )
    if kind == 8:
        return f"REPORT RequestId: {request}\tDuration: {number % 5000}.12 ms\tBilled Duration: {number % 5000} ms\tMemory Size: 512 MB\tMax Memory Used: 201 MB\t\n"
    return f"[ERROR] ValueError: demand of step {number} is negative\nTraceback (most recent call last):\n{TRACEBACK}ValueError: demand of step {number} is negative"


def _powertools(number: int, request: str, correlation: str) -> str:
    return json.dumps(
        {
            "level": "WARNING" if number % 50 == 0 else "INFO",
            "location": "calculate:118",
            "message": f"node capacity of run {number // 400} is done, {number % 977} rows",
            "timestamp": "2026-11-22 08:00:00,123+0000",
            "service": "forecast-engine",
            "cold_start": False,
            "function_name": "forecast-engine",
            "function_memory_size": "512",
            "function_arn": "arn:aws:lambda:eu-west-1:000000000000:function:forecast-engine",
            "function_request_id": request,
            "correlation_id": correlation,
            "scenario_id": f"s-{number // 800}",
            "run_id": f"r-{number // 400}",
            "xray_trace_id": "1-5759e988-bd862e3fe1be46a994272793",
        }
    )
