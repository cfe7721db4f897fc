"""The product album (商品图册; facts 3.17). Prices are in fen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.wecom.apis.base import Answer, CorpAPI, given, items, needed, number, part, text

PRODUCTS_A_PAGE = 100
DELETED, UNKNOWN = 41074, 41075


@dataclass(frozen=True, slots=True)
class Product:
    """A product of the album; `image_ids` are of upload_attachment for products, which WeCom keeps for three days."""

    product_id: str
    description: str
    price_fen: int
    product_sn: str
    image_ids: tuple[str, ...]
    created_at_s: int


class ProductsAPI(CorpAPI):
    """Changing is for products this app made (41075)."""

    def add(self, description: str, price_fen: int, image_ids: Sequence[str], product_sn: str = "") -> str:
        """A product with 1 to 9 pictures (41088), at most 300 characters (41087) and 5,000,000 fen (41086); its id.

        `product_sn` is letters and digits, 128 at most (41085).
        """
        path = "externalcontact/add_product_album"
        data = _fields(description, price_fen, image_ids, product_sn or None)
        return needed(path, self._post(path, data=data), "product_id")

    def get(self, product_id: str) -> Product:
        """One product; 41074 where it was deleted, 41075 where there never was one."""
        path = "externalcontact/get_product_album"
        return _product(path, part(self._post(path, data={"product_id": product_id}), "product"))

    def list(self) -> Iterator[Product]:
        """All products."""
        path = "externalcontact/get_product_album_list"
        for answer in self._pages(path, {"limit": PRODUCTS_A_PAGE}):
            for found in items(answer, "product_list"):
                yield _product(path, found)

    def update(
        self,
        product_id: str,
        *,
        description: str | None = None,
        price_fen: int | None = None,
        image_ids: Sequence[str] | None = None,
        product_sn: str | None = None,
    ) -> None:
        """Change what is not None."""
        data = _fields(description, price_fen, image_ids, product_sn) | {"product_id": product_id}
        self._post("externalcontact/update_product_album", data=data)

    def delete(self, product_id: str) -> None:
        """Take it out of the album."""
        self._post("externalcontact/delete_product_album", data={"product_id": product_id})


def _fields(
    description: str | None, price_fen: int | None, image_ids: Sequence[str] | None, product_sn: str | None
) -> dict[str, object]:
    pictures = None
    if image_ids is not None:
        pictures = [{"type": "image", "image": {"media_id": media_id}} for media_id in image_ids]
    return given(description=description, price=price_fen, product_sn=product_sn, attachments=pictures)


def _product(path: str, found: Answer) -> Product:
    pictures = [part(one, "image") for one in items(found, "attachments")]
    return Product(
        product_id=needed(path, found, "product_id"),
        description=text(found, "description"),
        price_fen=number(found, "price"),
        product_sn=text(found, "product_sn"),
        image_ids=tuple(text(picture, "media_id") for picture in pictures if text(picture, "media_id")),
        created_at_s=number(found, "create_time"),
    )
