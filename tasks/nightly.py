"""What is done once a night, by name. A name is never used again for something else: the job's cursor goes by it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from app.follow_ups.forecasting import runs as dry_runs
from app.follow_ups.measuring.counting import WINDOWS, count_arms
from app.follow_ups.measuring.scripting import count_scripts
from app.follow_ups.reconciling import runs
from app.handover import leaving
from app.nightly import NextPiece
from app.sealing import Keyring

JOBS: Mapping[str, NextPiece] = {
    **{f"count_arms_{days}": partial(count_arms, window_days=days) for days in WINDOWS},
    "count_scripts": count_scripts,
    runs.JOB: runs.next_piece,
    leaving.JOB: leaving.next_piece,
}


def jobs_with(keys: Keyring) -> Mapping[str, NextPiece]:
    """The jobs, those that read members' own dates with the key to them."""
    return {
        **JOBS,
        runs.JOB: partial(runs.next_piece, keys=keys),
        dry_runs.JOB: partial(dry_runs.next_piece, keys=keys),
    }
