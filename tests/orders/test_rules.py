"""Which purchase a refund cancels: whatever is brought back, quantities and money add up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.inbound.events import Line, LineKind
from app.orders.rules import SoldLine, allocate, is_wholly_refunded

skus = st.sampled_from(("A", "B", "C", ""))
returned_lines = st.lists(
    st.builds(
        lambda sku, quantity, fen: Line(sku, sku, quantity, "1.00", fen),
        skus,
        st.integers(1, 6),
        st.integers(0, 100_000),
    ),
    max_size=5,
)


def sold_line(
    number: int, sku: str, quantity: int, refunded: int = 0, kind: str = LineKind.GOODS
) -> SoldLine:
    return SoldLine(number // 3, number % 3, sku, kind, quantity, quantity * 1_000, refunded)


@st.composite
def sold_lines(draw: st.DrawFn) -> list[SoldLine]:
    rows = draw(st.lists(st.tuples(skus, st.integers(1, 5), st.integers(0, 5)), max_size=7))
    return [
        sold_line(number, sku, quantity, min(refunded, quantity))
        for number, (sku, quantity, refunded) in enumerate(rows)
    ]


@given(returned_lines, sold_lines())
def test_every_piece_and_every_fen_is_in_exactly_one_part(returned: list[Line], sold: list[SoldLine]):
    parts = allocate(returned, sold)
    for line in returned:
        its = [part for part in parts if part.line is line]
        assert sum(part.quantity for part in its) == line.quantity
        assert sum(part.amount_fen for part in its) == line.amount_fen
    assert len(parts) == sum(len([part for part in parts if part.line is line]) for line in returned)
    assert all(part.quantity > 0 and part.amount_fen >= 0 for part in parts)


@given(st.lists(returned_lines, max_size=4), sold_lines())
def test_never_more_comes_back_than_was_bought_however_often_one_brings_it(
    refunds: list[list[Line]], sold: list[SoldLine]
):
    before = [line.refunded for line in sold]
    parts = [part for returned in refunds for part in allocate(returned, sold)]
    for line, was in zip(sold, before, strict=True):
        its = [part for part in parts if part.sold is line]
        assert line.refunded == was + sum(part.quantity for part in its)
        assert line.refunded <= line.quantity
        assert {part.line.sku for part in its} <= {line.sku}


@given(returned_lines, sold_lines())
def test_nothing_is_left_unmatched_while_the_article_could_still_be_matched(
    returned: list[Line], sold: list[SoldLine]
):
    unmatched = {part.line.sku for part in allocate(returned, sold) if part.sold is None}
    assert all(line.left == 0 for line in sold if line.sku in unmatched)


@given(returned_lines, sold_lines())
def test_the_first_given_is_used_up_before_the_next(returned: list[Line], sold: list[SoldLine]):
    touched = {id(part.sold) for part in allocate(returned, sold)}
    for number, line in enumerate(sold):
        if id(line) in touched:
            assert all(earlier.left == 0 for earlier in sold[:number] if earlier.sku == line.sku)


@given(sold_lines(), st.integers(0, 20_000))
def test_whole_means_every_article_or_all_the_money(sold: list[SoldLine], refunded_fen: int):
    amount = sum(line.amount_fen for line in sold)
    everything_back = bool(sold) and all(line.refunded == line.quantity for line in sold)
    whole = is_wholly_refunded(sold, amount, refunded_fen)
    assert whole == (everything_back or bool(amount and refunded_fen >= amount))


def test_postage_may_stay_with_the_shop():
    goods, postage = sold_line(0, "A", 2, refunded=2), sold_line(1, "POST", 1, kind=LineKind.POSTAGE)
    assert is_wholly_refunded([goods, postage], 3_000, 2_000)
    goods.refunded = 1
    assert not is_wholly_refunded([goods, postage], 3_000, 1_000)


def test_postage_alone_coming_back_is_no_whole_refund():
    goods, postage = sold_line(0, "A", 1), sold_line(1, "POST", 1, refunded=1, kind=LineKind.POSTAGE)
    assert not is_wholly_refunded([goods, postage], 2_000, 1_000)


def test_without_lines_the_money_decides_and_nothing_paid_is_nothing_refunded():
    assert is_wholly_refunded([], 1_000, 1_000)
    assert not is_wholly_refunded([], 1_000, 999)
    assert not is_wholly_refunded([], 0, 0)
