"""A script of faults strikes the same calls every time it is run (fault_script tells the rules)."""

from __future__ import annotations

import pytest

from tests.sandbox.corp import SECOND, answer_of

IP, CALLBACK_IP = "get_api_domain_ip", "getcallbackip"


def run(api, *steps, seed=0):
    return answer_of(api.client.post("/sandbox/faults/script", json={"seed": seed, "steps": list(steps)}))


def step(path=IP, errcode=-1, **changes):
    return {"path": path, "kind": "errcode", "value": errcode, **changes}


def errcodes(api, *paths):
    return [api.get(path)["errcode"] for path in paths]


def test_steps_strike_in_order(api):
    assert run(api, step(errcode=45009, times=2), step(errcode=45033)) == {"steps": 2, "step": 0, "struck": 0}
    assert errcodes(api, *[IP] * 4) == [45009, 45009, 45033, 0]


def test_a_step_waits_for_so_many_calls_of_its_path(api):
    run(api, step(after_calls=2))
    assert errcodes(api, IP, CALLBACK_IP, CALLBACK_IP, IP, IP, IP) == [0, 0, 0, 0, -1, 0]


def test_the_next_step_counts_from_the_end_of_the_one_before(api):
    run(api, step(errcode=45009), step(errcode=45033, path=CALLBACK_IP, after_calls=1))
    assert errcodes(api, CALLBACK_IP, IP, CALLBACK_IP, CALLBACK_IP) == [0, 45009, 0, 45033]


def test_a_step_waits_for_the_sandboxes_clock(api, travel_to):
    run(api, step(after_s=60))
    assert errcodes(api, IP) == [0]
    travel_to(59 * SECOND)
    assert errcodes(api, IP) == [0]
    travel_to(60 * SECOND)
    assert errcodes(api, IP, IP) == [-1, 0]


def test_any_path_and_for_ever(api):
    run(api, step(path="*", errcode=40014, times=None))
    assert errcodes(api, IP, CALLBACK_IP, "user/get") == [40014] * 3


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_seed_strikes_the_same_calls(api, seed):
    seen = []
    for _ in range(2):
        run(api, step(probability=0.5, times=None), seed=seed)
        seen.append(errcodes(api, *[IP] * 40))
    assert seen[0] == seen[1]
    assert {0, -1} == set(seen[0])


def test_another_seed_strikes_other_calls(api):
    seen = []
    for seed in (1, 2):
        run(api, step(probability=0.5, times=None), seed=seed)
        seen.append(errcodes(api, *[IP] * 40))
    assert seen[0] != seen[1]


def test_where_it_stands_and_its_end(api):
    run(api, step(times=3), step())
    errcodes(api, IP)
    assert answer_of(api.client.get("/sandbox/faults/script")) == {"steps": 2, "step": 0, "struck": 1}
    assert answer_of(api.client.delete("/sandbox/faults/script"))["steps"] == 0
    assert errcodes(api, IP) == [0]


def test_planted_faults_come_after_the_script(api):
    api.client.post("/sandbox/faults", json=[{"path": IP, "kind": "errcode", "value": 45035}])
    run(api, step())
    assert errcodes(api, IP, IP, IP) == [-1, 45035, 0]


@pytest.mark.parametrize(
    "sent",
    [
        [],
        {},
        {"steps": ["x"]},
        {"steps": [{"path": IP}]},
        {"steps": [step(after_calls=-1)]},
        {"steps": [step(probability="often")]},
        {"steps": [step(colour="red")]},
        {"steps": [], "seed": "x"},
    ],
)
def test_a_wrong_script_is_refused_and_the_old_one_goes_on(api, sent):
    run(api, step(times=None))
    assert api.client.post("/sandbox/faults/script", json=sent).status_code == 400
    assert errcodes(api, IP) == [-1]


def test_an_answer_that_trickles_is_whole_in_the_end(api):
    run(api, {"path": IP, "kind": "trickle", "value": 0.05})
    assert errcodes(api, IP) == [0]
