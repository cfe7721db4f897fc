"""The product album (商品图册; facts 3.17)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.wecom.apis.media import MediaKind, Scene
from app.wecom.app import WeComApp
from tests.contract.campaign import PNG, Campaign
from tests.contract.conftest import refused
from tests.wecom.local_sandbox import LocalSandbox


@pytest.fixture
def campaign(corp: LocalSandbox) -> Campaign:
    return Campaign(corp)


@pytest.fixture
def picture(wecom: WeComApp) -> str:
    return wecom.media.upload_attachment(MediaKind.IMAGE, Scene.ALBUM, "a.png", PNG).media_id


def test_a_product_is_added_and_read(wecom: WeComApp, picture: str):
    product_id = wecom.products.add("羊毛西装", 199_900, [picture], "SUIT001")
    product = wecom.products.get(product_id)
    assert (product.product_id, product.description, product.price_fen, product.product_sn) == (
        product_id,
        "羊毛西装",
        199_900,
        "SUIT001",
    )
    assert product.created_at_s > 0
    wecom.products.delete(product_id)


def test_a_product_is_changed_in_part(wecom: WeComApp, picture: str):
    product_id = wecom.products.add("羊毛西装", 199_900, [picture])
    wecom.products.update(product_id, price_fen=149_900)
    product = wecom.products.get(product_id)
    assert (product.description, product.price_fen) == ("羊毛西装", 149_900)
    wecom.products.delete(product_id)


def test_a_product_stays_when_its_uploads_have_expired(wecom: WeComApp, campaign: Campaign, picture: str):
    product_id = wecom.products.add("羊毛西装", 199_900, [picture])
    campaign.corp.travel(timedelta(days=4))
    wecom.products.update(product_id, price_fen=99_900)
    assert wecom.products.get(product_id).price_fen == 99_900
    with refused(40007):
        wecom.products.update(product_id, image_ids=[picture])


def test_products_are_followed_past_a_page(wecom: WeComApp, campaign: Campaign, picture: str):
    assert campaign
    made = [wecom.products.add(f"第 {number} 件", number, [picture]) for number in range(103)]
    assert [product.product_id for product in wecom.products.list()] == made


def test_a_deleted_product_and_an_unknown_one_are_told_apart(wecom: WeComApp, picture: str):
    product_id = wecom.products.add("羊毛西装", 199_900, [picture])
    wecom.products.delete(product_id)
    with refused(41074):
        wecom.products.get(product_id)
    with refused(41075):
        wecom.products.get("pdNobodyKnows")


@pytest.mark.parametrize("price", [-1, 5_000_001])
def test_a_wrong_price_is_refused(wecom: WeComApp, picture: str, price: int):
    with refused(41086):
        wecom.products.add("羊毛西装", price, [picture])


@pytest.mark.parametrize("description", ["", "长" * 301], ids=["empty", "long"])
def test_a_wrong_description_is_refused(wecom: WeComApp, picture: str, description: str):
    with refused(41087):
        wecom.products.add(description, 100, [picture])


def test_a_wrong_number_is_refused(wecom: WeComApp, picture: str):
    with refused(41085):
        wecom.products.add("羊毛西装", 100, [picture], "编号-1")


def test_a_product_needs_pictures_of_its_own_uploads(wecom: WeComApp):
    with refused(41088):
        wecom.products.add("羊毛西装", 100, [])
    ordinary = wecom.media.upload(MediaKind.IMAGE, "a.png", PNG).media_id
    with refused(40007):
        wecom.products.add("羊毛西装", 100, [ordinary])
    moments = wecom.media.upload_attachment(MediaKind.IMAGE, Scene.MOMENTS, "a.png", PNG).media_id
    with refused(41072):
        wecom.products.add("羊毛西装", 100, [moments])


def test_ten_pictures_are_refused(wecom: WeComApp, picture: str):
    with refused(41064):
        wecom.products.add("羊毛西装", 100, [picture] * 10)
