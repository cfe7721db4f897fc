"""The database answers as the evaluation does, of every row: met, unmet or unknown."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    MetaData,
    String,
    Table,
    Unicode,
    select,
)
from sqlalchemy.dialects.mysql import VARCHAR as MYSQL_VARCHAR

from app.criteria.criterion import Criterion
from app.criteria.evaluation import Outcome, compile_node
from app.criteria.grammar import parse
from app.criteria.sql import Columns, Texts, to_sql
from app.criteria.terms import Facts, Kind, Value
from app.criteria.tree import ALWAYS, Among, Comparison, Has, Node, Not
from app.db import Database
from tests.criteria.samples import DATES, NUMBERS, TERMS, TEXTS, VOCABULARY, nodes

HOW_MANY = 200
# Collations under which many of the texts are the same.
LOOSE = String(50, collation="NOCASE").with_variant(
    MYSQL_VARCHAR(50, charset="utf8mb4", collation="utf8mb4_general_ci"), "mysql", "mariadb"
)
METADATA = MetaData()
PERSON = Table(
    "criteria_test_person",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("orders", BigInteger),
    Column("amount_90d", BigInteger),
    Column("idle", BigInteger),
    Column("born", Date),
    Column("level", Unicode(50)),
    Column("city", LOOSE),
    Column("vip", Boolean),
    Column("in_store", Boolean),
    Column("tags_known", Boolean, nullable=False),
)
TAG = Table(
    "criteria_test_tag",
    METADATA,
    Column("person_id", ForeignKey(PERSON.c.id), primary_key=True),
    Column("no", BigInteger, primary_key=True, autoincrement=False),
    Column("name", LOOSE, nullable=False),
)
TAGS = Texts.rows(TAG.c.name, TAG.c.person_id == PERSON.c.id, known=PERSON.c.tags_known.is_(True))
COLUMNS: Columns = {**{code: PERSON.c[code] for code in TERMS if code != "tags"}, "tags": TAGS}


def drawn(chance: random.Random, kind: Kind) -> Value:
    """A fact of a kind; one in four is not known."""
    if chance.random() < 0.25:
        return None
    match kind:
        case Kind.FLAG:
            return chance.random() < 0.5
        case Kind.TEXT:
            return chance.choice(TEXTS)
        case Kind.TEXTS:
            return frozenset(chance.sample(TEXTS, chance.randrange(4)))
        case Kind.DATE:
            return chance.choice(DATES)
        case _:
            return chance.choice(NUMBERS)


def people() -> list[Facts]:
    chance = random.Random(5)
    return [{code: drawn(chance, term.kind) for code, term in TERMS.items()} for _ in range(HOW_MANY)]


def as_rows(number: int, person: Facts) -> tuple[dict[str, object], list[dict[str, object]]]:
    """A person's row and those of their tags."""
    tags = cast("frozenset[str] | None", person["tags"])
    facts = {code: value for code, value in person.items() if code != "tags"}
    row: dict[str, object] = {"id": number, "tags_known": tags is not None, **facts}
    return row, [{"person_id": number, "no": no, "name": name} for no, name in enumerate(sorted(tags or ()))]


PEOPLE = people()
ROWS = [as_rows(number, person) for number, person in enumerate(PEOPLE)]


@pytest.fixture
def filled(database: Database) -> Iterator[Database]:
    """A database that holds the people."""
    with database.transaction() as session:
        METADATA.create_all(session.connection())
        session.execute(PERSON.insert(), [row for row, _ in ROWS])
        session.execute(TAG.insert(), [tag for _, tags in ROWS for tag in tags])
    yield database
    with database.transaction() as session:
        METADATA.drop_all(session.connection())


def answers(database: Database, criterion: Criterion, columns: Columns = COLUMNS) -> list[Outcome]:
    """What the database says of each person; its choice of rows must be those of whom it says True."""
    condition = to_sql(criterion, columns)
    with database.reading() as session:
        rows = session.execute(select(PERSON.c.id, condition).order_by(PERSON.c.id)).all()
        chosen = session.scalars(select(PERSON.c.id).where(condition).order_by(PERSON.c.id)).all()
    found: list[Outcome] = [None if answer is None else bool(answer) for _, answer in rows]
    assert chosen == [number for number, answer in enumerate(found) if answer]
    return found


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(node=nodes())
def test_the_database_and_the_evaluation_agree(filled: Database, node: Node):
    assert answers(filled, Criterion(node)) == [compile_node(node)(person) for person in PEOPLE]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(node=nodes(is_wild=True))
def test_they_agree_about_any_values_a_rule_may_hold(filled: Database, node: Node):
    assert answers(filled, Criterion(node)) == [compile_node(node)(person) for person in PEOPLE]


@pytest.mark.parametrize("text", TEXTS)
def test_texts_that_a_collation_takes_for_one_another_are_told_apart(filled: Database, text: str):
    level, city, tags = TERMS["level"], TERMS["city"], TERMS["tags"]
    asked: dict[Node, list[Outcome]] = {}
    for term in (level, city):
        meant = [None if person[term.code] is None else person[term.code] == text for person in PEOPLE]
        opposite = [None if is_it is None else not is_it for is_it in meant]
        asked |= {Comparison(term, "eq", text): meant, Among(term, (text,)): meant}
        asked |= {Comparison(term, "ne", text): opposite, Not(Among(term, (text,))): opposite}
    sets = [cast("frozenset[str] | None", person["tags"]) for person in PEOPLE]
    asked[Has(tags, (text,))] = [None if names is None else text in names for names in sets]
    for node, outcomes in asked.items():
        assert True in outcomes
        assert answers(filled, Criterion(node)) == outcomes


def test_always_chooses_everybody(filled: Database):
    assert answers(filled, Criterion(ALWAYS)) == [True] * HOW_MANY


def test_a_rule_at_every_limit_is_answered(filled: Database):
    deep = "not (" * 8 + " or ".join(["vip and tags lacks 'x'"] * 100) + ")" * 8
    criterion = parse(deep, VOCABULARY)
    assert answers(filled, criterion) == [compile_node(criterion.node)(person) for person in PEOPLE]


def test_a_set_of_texts_that_is_always_known_needs_no_condition_for_it(filled: Database):
    columns = {**COLUMNS, "tags": Texts.rows(TAG.c.name, TAG.c.person_id == PERSON.c.id)}
    known = [{**person, "tags": person["tags"] or frozenset[str]()} for person in PEOPLE]
    for text in (
        "tags is known",
        "tags is unknown",
        "tags lacks '金卡'",
        "not tags has all ['gold', 'Gold']",
    ):
        criterion = parse(text, VOCABULARY)
        assert answers(filled, criterion, columns) == [compile_node(criterion.node)(one) for one in known]


def test_a_flag_may_be_any_condition(filled: Database):
    columns = {**COLUMNS, "vip": PERSON.c.born > date(2026, 2, 28)}
    criterion = parse("not vip or vip is unknown", VOCABULARY)
    found = [person["born"] is None or person["born"] <= date(2026, 2, 28) for person in PEOPLE]  # type: ignore[operator]
    assert answers(filled, criterion, columns) == found


def test_a_term_without_a_column_is_an_error():
    with pytest.raises(KeyError):
        to_sql(parse("orders > 1", VOCABULARY), {})


def test_a_set_of_texts_and_a_column_do_not_stand_in_for_one_another():
    with pytest.raises(TypeError):
        to_sql(parse("tags has 'x'", VOCABULARY), {"tags": PERSON.c.level})
    with pytest.raises(TypeError):
        to_sql(parse("level = 'x'", VOCABULARY), {"level": TAGS})
