"""Which host answers for a region: `tag.REGION.aliyuncs.com`, but for those below (alibabacloud_tag20180828 1.1.2)."""

from collections.abc import Mapping

_DOMAIN = "aliyuncs.com"
_ELSEWHERE: Mapping[str, str] = {
    region: host
    for host, regions in {
        f"tag.{_DOMAIN}": (
            "ap-northeast-2-pop cn-beijing-finance-pop cn-beijing-gov-1 cn-edge-1 cn-hangzhou-bj-b01 "
            "cn-hangzhou-internal-prod-1 cn-hangzhou-internal-test-1 cn-hongkong-finance-pop cn-shanghai-et2-b01 "
            "cn-shanghai-finance-1 cn-shanghai-inner cn-shanghai-internal-test-1 cn-shenzhen-inner "
            "cn-shenzhen-su18-b01 cn-wuhan cn-yushanfang cn-zhangbei cn-zhangjiakou-na62-a01 rus-west-1-pop"
        ),
        f"tag.cn-hangzhou.{_DOMAIN}": (
            "cn-beijing-nu16-b01 cn-fujian cn-hangzhou-finance cn-hangzhou-internal-test-2 "
            "cn-hangzhou-internal-test-3 cn-hangzhou-test-306 cn-shanghai-et15-b01 cn-shenzhen-st4-d01 "
            "cn-zhangbei-na61-b01"
        ),
        f"tag.cn-north-2-gov-1.{_DOMAIN}": "cn-haidian-cm12-c01",
        f"tag.cn-qingdao-nebula.{_DOMAIN}": "cn-huhehaote-nebula-1 cn-zhengzhou-nebula-1",
        f"tag.cn-shenzhen-cloudstone.{_DOMAIN}": "eu-west-1-oxs",
        f"tag.us-east-1.{_DOMAIN}": "us-west-1",
    }.items()
    for region in regions.split()
}

# fmt: off
REGIONS = frozenset({
    "ap-northeast-1", "ap-northeast-2", "ap-southeast-1", "ap-southeast-3", "ap-southeast-5", "ap-southeast-6",
    "ap-southeast-7", "cn-beijing", "cn-beijing-finance-1", "cn-chengdu", "cn-fuzhou", "cn-guangzhou", "cn-hangzhou",
    "cn-heyuan", "cn-hongkong", "cn-huhehaote", "cn-nanjing", "cn-qingdao", "cn-shanghai", "cn-shenzhen",
    "cn-shenzhen-finance-1", "cn-wulanchabu", "cn-zhangjiakou", "cn-zhengzhou-jva", "eu-central-1", "eu-west-1",
    "me-central-1", "me-east-1", "us-east-1", "us-west-1",
})
# fmt: on
"""The regions that the SDK names for everybody, for a hint at what was meant."""


def host_of(region: str) -> str:
    """The host that answers for a region."""
    return _ELSEWHERE.get(region, f"tag.{region}.{_DOMAIN}")
