# The queues (work/, decommission/, sweep/), what a sweep keeps (kept/), locks/ and dead/; reports/ and requests/ for the
# command. No versions are kept: a message that is done with is gone.
resource "huaweicloud_obs_bucket" "queues" {
  bucket        = var.bucket
  acl           = "private"
  storage_class = "STANDARD"
  encryption    = true
  sse_algorithm = var.bucket_kms_key_id == "" ? "AES256" : "kms"
  kms_key_id    = var.bucket_kms_key_id == "" ? null : var.bucket_kms_key_id
  tags          = var.tags

  lifecycle_rule {
    name    = "dead-letters"
    enabled = true
    prefix  = "dead"

    expiration {
      days = var.dead_letter_days
    }
  }

  dynamic "lifecycle_rule" {
    for_each = toset(["reports", "requests"])

    content {
      name    = lifecycle_rule.key
      enabled = true
      prefix  = lifecycle_rule.key

      # With 0 none is written any more; what is there goes.
      expiration {
        days = max(var.report_days, 1)
      }
    }
  }

  # Locks that a killed instance has left.
  lifecycle_rule {
    name    = "locks"
    enabled = true
    prefix  = "locks"

    expiration {
      days = 1
    }
  }
}

resource "huaweicloud_csms_secret" "accounts" {
  for_each = toset(nonsensitive(keys(var.secrets)))

  name        = "${var.name}-${each.key}"
  description = "Credentials that untag removes tags with"
  secret_text = var.secrets[each.key]
  tags        = var.tags
}

resource "huaweicloud_smn_topic" "reports" {
  name         = "${var.name}-reports"
  display_name = "What became of every tag"
  tags         = var.tags
}

resource "huaweicloud_smn_topic" "requests" {
  name         = "${var.name}-requests"
  display_name = "Removal requests"
  tags         = var.tags
}

resource "huaweicloud_smn_topic" "events" {
  name         = "${var.name}-events"
  display_name = "Events that say a resource is gone"
  tags         = var.tags
}

resource "huaweicloud_smn_topic" "alarms" {
  name         = "${var.name}-alarms"
  display_name = "Alarms of untag"
  tags         = var.tags
}

resource "huaweicloud_smn_subscription" "alarms" {
  count = var.alarm_email == "" ? 0 : 1

  topic_urn = huaweicloud_smn_topic.alarms.topic_urn
  protocol  = "email"
  endpoint  = var.alarm_email
  remark    = "Alarms of untag"
}
