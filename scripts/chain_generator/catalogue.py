"""What the chain sells: categories with their months, prices and sizes, and the lines that are not goods."""

from dataclasses import dataclass

from .draws import Draws, Weights

COLOURS = ("黑", "藏青", "深灰", "浅灰", "卡其", "白", "雾蓝", "墨绿", "酒红", "驼色")
COLOURS_PER_STYLE = 3

#                 Jan  Feb  Mar  Apr  May  Jun  Jul  Aug  Sep  Oct  Nov  Dec
_ALL_YEAR = (1.0,) * 12
_WINTER = (3.0, 1.2, 0.3, 0.1, 0.0, 0.0, 0.0, 0.1, 0.4, 1.5, 3.0, 3.4)
_COOL = (1.0, 1.2, 1.6, 1.3, 0.6, 0.2, 0.1, 0.4, 1.4, 1.8, 1.3, 1.0)
_WARM = (0.0, 0.2, 0.6, 1.3, 2.2, 2.8, 2.8, 2.2, 1.0, 0.3, 0.1, 0.0)


@dataclass(frozen=True)
class Category:
    """品类. `popularity` is relative, `prices` the range of list prices in yuan, `sizing` a size of `Build`,
    `several` the chance of two or three pieces at once, `altered` that of a paid alteration.
    """

    name: str
    prefix: str
    popularity: float
    months: tuple[float, ...]
    prices: tuple[int, int]
    sizing: str
    styles: tuple[str, ...]
    several: float = 0.03
    altered: float = 0.0


# fmt: off
CATEGORIES = (
    Category("西装", "SU", 0.7, _ALL_YEAR, (999, 3280), "top",
             ("两粒扣羊毛西装", "修身单排扣西装", "休闲针织西装", "格纹西装", "礼服西装"),
             several=0.0, altered=0.3),
    Category("西裤", "TR", 1.0, _ALL_YEAR, (329, 899), "waist",
             ("直筒羊毛西裤", "免烫西裤", "九分西裤", "弹力商务西裤"),
             several=0.05, altered=0.4),
    Category("长袖衬衫", "SH", 1.5, _COOL, (259, 799), "top",
             ("免烫长袖衬衫", "牛津纺衬衫", "细条纹商务衬衫", "法兰绒衬衫", "天丝长袖衬衫"),
             several=0.08),
    Category("短袖衬衫", "SS", 0.8, _WARM, (229, 599), "top",
             ("免烫短袖衬衫", "亚麻短袖衬衫", "泡泡纱短袖衬衫"),
             several=0.08),
    Category("T恤", "TS", 1.6, _WARM, (129, 399), "top",
             ("重磅纯棉圆领T恤", "丝光棉短袖T恤", "冰感速干T恤", "条纹T恤"),
             several=0.2),
    Category("POLO衫", "PO", 1.1, _WARM, (199, 599), "top",
             ("珠地棉POLO衫", "桑蚕丝混纺POLO衫", "撞色领POLO衫"),
             several=0.1),
    Category("针织衫", "KN", 1.2, _COOL, (299, 1299), "top",
             ("羊毛圆领针织衫", "半高领羊绒混纺针织衫", "V领针织开衫", "绞花针织衫"),
             several=0.04),
    Category("夹克", "JK", 1.2, _COOL, (459, 1599), "top",
             ("立领商务夹克", "轻薄防风夹克", "飞行夹克", "棒球领夹克"),
             several=0.0),
    Category("大衣", "CO", 0.7, _WINTER, (1299, 3980), "top",
             ("双面呢中长大衣", "单排扣羊毛大衣", "派克大衣"),
             several=0.0),
    Category("羽绒服", "DJ", 1.5, _WINTER, (699, 2680), "top",
             ("短款白鸭绒羽绒服", "轻薄可收纳羽绒服", "连帽中长鹅绒羽绒服", "商务羽绒服"),
             several=0.0),
    Category("休闲裤", "CP", 1.5, _ALL_YEAR, (259, 699), "waist",
             ("弹力直筒休闲裤", "束脚休闲裤", "亚麻混纺休闲裤", "工装休闲裤"),
             several=0.08, altered=0.12),
    Category("牛仔裤", "JN", 1.0, _ALL_YEAR, (299, 799), "waist",
             ("直筒水洗牛仔裤", "微弹修身牛仔裤", "锥形牛仔裤"),
             several=0.04, altered=0.12),
    Category("鞋履", "SO", 0.6, _ALL_YEAR, (399, 1399), "shoe",
             ("头层牛皮德比鞋", "软底乐福鞋", "轻便板鞋"),
             several=0.0),
    Category("配饰", "AC", 1.1, _ALL_YEAR, (39, 459), "free",
             ("真丝斜纹领带", "头层牛皮针扣皮带", "羊毛围巾", "商务棉袜", "平角内裤"),
             several=0.35),
)
# fmt: on


@dataclass(frozen=True)
class Product:
    """`list_fen` is the price on the label in fen."""

    sku: str
    name: str
    category: Category
    list_fen: int


@dataclass(frozen=True)
class Extra:
    """A line of the till that is not goods: a service or a present."""

    code: str
    description: str
    fens: tuple[int, ...]


ALTERATION = Extra("ALTER", "改衣服务费", (2000, 3000, 5000, 8000))
POSTAGE = Extra("POST", "快递邮费", (1200, 1500, 2000))
PRESENT = Extra("GIFT", "赠品 商务棉袜", (0,))


class Catalogue:
    """The products of a seed; the seasons decide what is picked in a month."""

    def __init__(self, seed: int) -> None:
        self._by_category = [_products_of(seed, category) for category in CATEGORIES]
        self._by_month = [
            Weights([category.popularity * category.months[month] for category in CATEGORIES])
            for month in range(12)
        ]

    @property
    def products(self) -> list[Product]:
        return [product for group in self._by_category for product in group]

    def draw(self, draws: Draws, month: int) -> Product:
        """A product somebody might buy in that month (1 to 12)."""
        return draws.pick(self._by_category[draws.weighted(self._by_month[month - 1])])


def _products_of(seed: int, category: Category) -> list[Product]:
    products = []
    for style_no, style in enumerate(category.styles, 1):
        draws = Draws(seed, "style", category.prefix, style_no)
        low, high = category.prices
        yuan = (low + draws.below(high - low)) // 10 * 10 + 9
        first = draws.below(len(COLOURS))
        for colour_no in range(COLOURS_PER_STYLE):
            colour = COLOURS[(first + colour_no * 3) % len(COLOURS)]
            sku = f"{category.prefix}{style_no:02d}{colour_no + 1:02d}"
            products.append(Product(sku, f"{style} {colour}", category, yuan * 100))
    return products
