"""Made-up names of people and stores. Any resemblance to real ones is chance."""

_SURNAMES = (
    "王wang 李li 张zhang 刘liu 陈chen 杨yang 黄huang 赵zhao 吴wu 周zhou 徐xu 孙sun 马ma 朱zhu 胡hu 郭guo 何he 林lin "
    "高gao 罗luo 郑zheng 梁liang 谢xie 宋song 唐tang 许xu 韩han 冯feng 邓deng 曹cao 彭peng 曾zeng 肖xiao 田tian "
    "董dong 袁yuan 潘pan 蒋jiang 蔡cai 余yu 杜du 叶ye 程cheng 苏su 魏wei 吕lv 丁ding 任ren 沈shen 姚yao 卢lu 姜jiang "
    "崔cui 钟zhong 谭tan 陆lu 汪wang 范fan 金jin 石shi 廖liao 贾jia 夏xia 韦wei 方fang 邹zou 熊xiong 白bai 孟meng"
)
_GIVEN_OF_ASSOCIATES = (
    "思远siyuan 嘉慧jiahui 若彤ruotong 一鸣yiming 晓芸xiaoyun 子昂ziang 雅静yajing 俊杰junjie 梦琪mengqi 宇航yuhang "
    "海燕haiyan 家豪jiahao 婉婷wanting 秀英xiuying 志诚zhicheng 佳怡jiayi 浩然haoran 婉清wanqing 建业jianye 心怡xinyi "
    "文静wenjing 丽娟lijuan 晨曦chenxi 雨欣yuxin 思琪siqi 慧敏huimin 志强zhiqiang 国梁guoliang 晓曼xiaoman 子涵zihan "
    "佩珊peishan 明轩mingxuan 雪梅xuemei 春燕chunyan 立新lixin 玉兰yulan 静怡jingyi 瑞霖ruilin 舒雅shuya 小龙xiaolong"
)
_GIVEN_OF_MEMBERS = (
    "伟 强 磊 军 洋 勇 杰 涛 超 明 刚 平 辉 鹏 华 飞 斌 波 宇 浩 凯 健 俊 帆 志强 建国 文博 志远 子轩 浩宇 宇轩 俊杰 "
    "建华 国庆 海涛 晓东 卫东 文斌 志明 永强 立军 振华 少华 家伟 嘉诚 泽宇 明哲 天宇 思源 景行 博文 启明 承志 敬之 "
    "静 敏 丽 芳 晓燕 秀兰 雨桐 佳宁"
)
_PLACES = (
    "人民广场 中山路 解放路 步行街 万象里 新天地 湖滨 河西 城东 城西 滨江 大学城 火车站 南门 北门 体育中心 会展中心 "
    "金融街 老城区 高新区 开发区 江北 江南 奥体 科技园 古城 天街 广场路 文化路 和平路"
)
_CITIES = (
    "华东:上海 华东:杭州 华南:广州 华南:深圳 华北:北京 华东:南京 西南:成都 华中:武汉 华东:苏州 西南:重庆 "
    "西北:西安 华北:天津 华东:宁波 华中:长沙 华南:厦门 华东:青岛 华中:郑州 华东:合肥 华南:佛山 东北:沈阳 "
    "华东:无锡 华东:济南 东北:大连 西南:昆明 华南:福州 华东:温州 东北:哈尔滨 华北:石家庄 华南:泉州 华南:南宁 "
    "东北:长春 华中:南昌 西南:贵阳 华南:东莞 华东:常州 华北:太原 华东:嘉兴 华东:徐州 西北:兰州 华南:海口"
)


def _with_pinyin(text: str) -> tuple[tuple[str, str], ...]:
    words = text.split()
    return tuple(
        (word[:end], word[end:])
        for word in words
        for end in [sum(1 for letter in word if not letter.isascii())]
    )


SURNAMES = _with_pinyin(_SURNAMES)
GIVEN_OF_ASSOCIATES = _with_pinyin(_GIVEN_OF_ASSOCIATES)
GIVEN_OF_MEMBERS = tuple(_GIVEN_OF_MEMBERS.split())
PLACES = tuple(_PLACES.split())
CITIES = tuple((city, region) for region, city in (pair.split(":") for pair in _CITIES.split()))
BRANCH_CODES = {
    "华东": "HD",
    "华南": "HN",
    "华北": "HB",
    "华中": "HZ",
    "西南": "XN",
    "西北": "XB",
    "东北": "DB",
}
