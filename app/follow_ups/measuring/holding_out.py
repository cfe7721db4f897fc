"""Which members are held out (对照组), so that what follow-ups bring can be told. Pure, no state.

Membership is a function of the member's id and a salt. It is never stored to be drawn again, so it is the same on every
machine and after every restart. A salt must never change while its plan lives. Of two members merged into one the
surviving id counts from then on; an enrollment keeps the arm it entered with.
"""

from __future__ import annotations

from hashlib import blake2b

from app.follow_ups.states import Arm

# The hash is a whole number below this.
SPAN = 2**64
# A key of BLAKE2b has at most so many bytes (RFC 7693).
LONGEST_SALT = 64
WHOLE = 1000


def is_held_out(member_id: int, salt: str, per_mille: int) -> bool:
    """Whether this member is among the held-out share.

    The same for ever for one salt; a greater share only adds members; what one salt says of a member tells nothing of
    what another says, because BLAKE2b with a key is a pseudo-random function (RFC 7693). Of 100,000
    members the share held out has a standard deviation of at most 0.16 % of the whole (binomial, at one half).

    Raises ValueError for a share outside 0..1000 and for a salt of no or more than 64 bytes.
    """
    if not 0 <= per_mille <= WHOLE:
        raise ValueError(f"a share is 0 to {WHOLE} per mille, not {per_mille}")
    key = salt.encode()
    if not 0 < len(key) <= LONGEST_SALT:
        raise ValueError(f"a salt has 1 to {LONGEST_SALT} bytes, not {len(key)}")
    digest = blake2b(member_id.to_bytes(8, "big"), key=key, digest_size=8).digest()
    return int.from_bytes(digest, "big") * WHOLE < per_mille * SPAN


def arm_of(
    member_id: int, plan_salt: str, plan_per_mille: int, *, global_salt: str, global_per_mille: int
) -> Arm:
    """The arm a member enters a plan with; who is held out of everything is so in every plan.

    Raises ValueError where both salts are one: the plan's hold-out would then lie inside the global one.
    """
    if plan_salt == global_salt:
        raise ValueError("a plan needs a salt of its own")
    if is_held_out(member_id, global_salt, global_per_mille):
        return Arm.GLOBAL_HOLD_OUT
    if is_held_out(member_id, plan_salt, plan_per_mille):
        return Arm.PLAN_HOLD_OUT
    return Arm.TREATED
