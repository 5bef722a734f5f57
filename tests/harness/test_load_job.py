"""A load's job crosses processes whole, and what is none is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from load_engine import job

from streamspec.harness.core.ports import Request
from streamspec.harness.load_job import job_from_json, job_to_json

BYTES = bytes(range(256))
JOB = replace(
    job("http://127.0.0.1:1/"),
    request=Request("http://127.0.0.1:1/№", "POST", (("Authorization", "Bearer s3cret"),), BYTES),
    object="package.module:factory",
    claims=("rendezvous",),
    paths=("/one", "/two"),
)


def test_it_comes_as_it_was_sent() -> None:
    assert job_from_json(json.loads(json.dumps(job_to_json(JOB)))) == JOB


@pytest.mark.parametrize(
    "change",
    [
        {"wanted": {}},
        {"wanted": None},
        {"request": {"url": "x"}},
        {"look": {"url": "x", "body": "№"}},
        {"surprise": 1},
        {"budgets": {"head_ms": "long"}},
        {"rules": "OI-01"},
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, Any]) -> None:
    data = json.loads(json.dumps(job_to_json(JOB))) | change
    with pytest.raises((TypeError, ValueError)):
        job_from_json(data)


@pytest.mark.parametrize("data", [None, [], {}, {"request": 1, "look": 2}])
def test_what_is_no_job_is_refused(data: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        job_from_json(data)
