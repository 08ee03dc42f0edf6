"""httpx.Auth classes that sign a request afresh at every attempt.

AWS Signature Version 4 and JD Cloud's JDCLOUD3 are one algorithm with other names: `DerivedKeyAuth` serves both.
Huawei Cloud's is smaller and its own: `HuaweiAuth`.
"""

from untag.signing.credentials import Credentials
from untag.signing.derived import AWS4, JDCLOUD3, DerivedKeyAuth, Scheme
from untag.signing.huaweicloud import HuaweiAuth

__all__ = ["AWS4", "JDCLOUD3", "Credentials", "DerivedKeyAuth", "HuaweiAuth", "Scheme"]
