"""Huawei Cloud: its credentials, its tag APIs (Config's own resources, and TMS for all others), and its events."""

from untag.providers.huaweicloud.config import HuaweiConfig
from untag.providers.huaweicloud.tms import HuaweiTms

APIS = (HuaweiConfig, HuaweiTms)
