locals {
  project = var.project_name == "" ? var.region : var.project_name

  # Every function has the same settings: one variable, since a function may have 20 with 4096 characters in all.
  settings = merge(
    {
      UNTAG_BUCKET                = huaweicloud_obs_bucket.queues.bucket
      UNTAG_TOPIC_URN             = huaweicloud_smn_topic.reports.topic_urn
      UNTAG_REMOVE_FUNCTION       = "${var.name}-remove"
      UNTAG_DECOMMISSION_FUNCTION = "${var.name}-decommission"
      UNTAG_SWEEP_FUNCTION        = "${var.name}-sweep"
      UNTAG_CREDENTIALS           = "csms:${var.name}"
      UNTAG_ENVIRONMENTS          = tostring(var.concurrency)
    },
    var.domain_id == "" ? {} : { UNTAG_DOMAIN_ID = var.domain_id },
    var.report_days == 0 ? {} : { UNTAG_KEEP_REPORTS = "on" },
    var.settings,
  )

  gateway_domain = var.gateway == null ? "" : "${var.gateway.group_id}.apig.${var.region}.huaweicloudapis.com"
  gateway_path   = "/${var.name}/remove"

  user_data = jsonencode({ UNTAG = jsonencode(local.settings) })

  functions = {
    remove       = { timeout = 120, instances = var.concurrency, retries = 3 }
    decommission = { timeout = 120, instances = 2, retries = 3 }
    sweep        = { timeout = 900, instances = 1, retries = 3 }
    # The next minute does what this one did not.
    due = { timeout = 55, instances = 1, retries = 0 }
  }
}

resource "huaweicloud_fgs_function" "all" {
  for_each = local.functions

  name        = "${var.name}-${each.key}"
  app         = "default"
  description = "Removes tags from cloud resources: ${each.key}"
  runtime     = "Python3.12"
  handler     = "index.${each.key}"
  code_type   = "zip"
  func_code   = filebase64("${path.module}/${var.code}")

  # The code's name changes with its content, so that a new zip is an update.
  code_filename = "untag-${substr(filesha256("${path.module}/${var.code}"), 0, 12)}.zip"

  memory_size         = var.memory
  timeout             = each.value.timeout
  max_instance_num    = tostring(each.value.instances)
  initializer_handler = "index.initializer"
  initializer_timeout = 30

  # The first agency is for triggers, logs and destinations, the second for what the code itself calls.
  agency     = huaweicloud_identity_agency.functions.name
  app_agency = huaweicloud_identity_agency.functions.name
  user_data  = local.user_data

  enable_lts_log  = true
  log_group_id    = huaweicloud_lts_group.untag.id
  log_group_name  = huaweicloud_lts_group.untag.group_name
  log_stream_id   = huaweicloud_lts_stream.functions.id
  log_stream_name = huaweicloud_lts_stream.functions.stream_name

  tags = var.tags

  lifecycle {
    precondition {
      condition     = length(local.user_data) <= 4096
      error_message = "A function's variables have 4096 characters in all: the settings are too long."
    }
  }
}

resource "huaweicloud_fgs_async_invoke_configuration" "all" {
  for_each = local.functions

  function_urn                   = huaweicloud_fgs_function.all[each.key].urn
  max_async_event_age_in_seconds = each.key == "due" ? 60 : 86400
  max_async_retry_attempts       = each.value.retries
  enable_async_status_log        = false

  # What fails for good, or is discarded, lies in the bucket, and the timer's function puts it on its queue.
  on_failure {
    destination = "OBS"
    param       = jsonencode({ bucket = huaweicloud_obs_bucket.queues.bucket, prefix = "given-up/", expires = 14 })
  }
}

resource "huaweicloud_lts_group" "untag" {
  group_name  = var.name
  ttl_in_days = var.log_days
  tags        = var.tags
}

resource "huaweicloud_lts_stream" "functions" {
  group_id    = huaweicloud_lts_group.untag.id
  stream_name = "${var.name}-functions"
}
