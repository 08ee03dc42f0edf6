terraform {
  required_version = ">= 1.3"

  required_providers {
    huaweicloud = {
      source  = "huaweicloud/huaweicloud"
      version = ">= 1.77.0"
    }
  }
}

# The access key comes from HW_ACCESS_KEY and HW_SECRET_KEY.
provider "huaweicloud" {
  region = var.region
}
