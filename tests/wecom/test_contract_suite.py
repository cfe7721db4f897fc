"""The contract suite can be pointed at another server by the environment alone, as it would be at WeCom's."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.house.source import ROOT
from tests.wecom.local_sandbox import OURS, LocalSandbox

pytestmark = pytest.mark.process


def test_the_suite_calls_the_server_whose_credentials_it_is_given(sandbox: LocalSandbox):
    before = sandbox.calls().get("gettoken", 0)
    given = {
        "WECOM_CONTRACT_URL": sandbox.url,
        "WECOM_CONTRACT_CORP_ID": OURS.corp_id,
        "WECOM_CONTRACT_AGENT_ID": str(OURS.agent_id),
        "WECOM_CONTRACT_SECRET": OURS.secret,
    }
    command = [sys.executable, "-m", "pytest", "-q", "-n", "1", "tests/contract/test_tokens_and_tickets.py"]
    ran = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **given},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert "WECOM_CONTRACT_USERID is not given" in ran.stdout
    assert "only the sandbox can do this" in ran.stdout
    assert sandbox.calls()["gettoken"] == before + 1
