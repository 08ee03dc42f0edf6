# What is due is rung for each minute; a minute that is missed is only late.
resource "huaweicloud_fgs_function_trigger" "due" {
  function_urn = huaweicloud_fgs_function.all["due"].urn
  type         = "TIMER"
  status       = "ACTIVE"
  event_data = jsonencode({
    name          = "${var.name}-due"
    schedule_type = "Rate"
    schedule      = "1m"
  })
}

resource "huaweicloud_fgs_function_trigger" "sweep" {
  count = var.sweep_rules == "" ? 0 : 1

  function_urn = huaweicloud_fgs_function.all["sweep"].urn
  type         = "TIMER"
  status       = "ACTIVE"
  event_data = jsonencode({
    name          = "${var.name}-sweep"
    schedule_type = "Cron"
    schedule      = var.sweep_schedule
    user_event    = can(jsondecode(var.sweep_rules).rules) ? var.sweep_rules : "{\"rules\": ${var.sweep_rules}}"
  })
}

resource "huaweicloud_fgs_function_trigger" "requests" {
  function_urn = huaweicloud_fgs_function.all["remove"].urn
  type         = "SMN"
  event_data   = jsonencode({ topic_urn = huaweicloud_smn_topic.requests.topic_urn })
}

# Config's notifications, and our own events.
resource "huaweicloud_fgs_function_trigger" "events" {
  function_urn = huaweicloud_fgs_function.all["decommission"].urn
  type         = "SMN"
  event_data   = jsonencode({ topic_urn = huaweicloud_smn_topic.events.topic_urn })
}

resource "huaweicloud_fgs_function_trigger" "deletions" {
  count = length(var.cts_operations) == 0 ? 0 : 1

  function_urn = huaweicloud_fgs_function.all["decommission"].urn
  type         = "CTS"
  event_data = jsonencode({
    name       = replace("${var.name}_deletions", "-", "_")
    operations = var.cts_operations
  })
}

# Requests over HTTP, by whoever signs with keys of Huawei Cloud that may call this API. The answer has the reports.
resource "huaweicloud_fgs_function_trigger" "gateway" {
  count = var.gateway == null ? 0 : 1

  function_urn = huaweicloud_fgs_function.all["remove"].urn
  type         = "DEDICATEDGATEWAY"
  event_data = jsonencode({
    instance_id  = var.gateway.instance_id
    group_id     = var.gateway.group_id
    sl_domain    = local.gateway_domain
    name         = replace("${var.name}_remove", "-", "_")
    path         = local.gateway_path
    match_mode   = "NORMAL"
    req_method   = "POST"
    protocol     = "HTTPS"
    auth         = "IAM"
    type         = 1
    env_name     = "RELEASE"
    env_id       = "DEFAULT_ENVIRONMENT_RELEASE_ID"
    backend_type = "FUNCTION"
    # Milliseconds. A gateway waits no longer, whatever the function's own time-out is.
    func_info = { timeout = 60000 }
  })
}

# Deletions that cloud services tell EventGrid of.
resource "huaweicloud_eg_event_subscription" "deletions" {
  count = length(var.eventgrid_deletions) == 0 ? 0 : 1

  channel_id  = var.eventgrid_channel_id
  name        = "${var.name}-deletions"
  description = "Deleted resources, for ${var.name}-decommission"

  dynamic "sources" {
    for_each = var.eventgrid_deletions

    content {
      id            = uuidv5("dns", "${sources.key}.sources.${var.name}")
      provider_type = "OFFICIAL"
      name          = "HC.${sources.key}"
      filter_rule = jsonencode({
        source = [{ op = "StringIn", values = ["HC.${sources.key}"] }]
        data   = { trace_name = [{ op = "StringIn", values = sources.value }] }
      })
    }
  }

  targets {
    id            = uuidv5("dns", "functiongraph.targets.${var.name}")
    provider_type = "OFFICIAL"
    name          = "HC.FunctionGraph"
    detail_name   = "detail"
    detail = jsonencode({
      urn         = huaweicloud_fgs_function.all["decommission"].urn
      invoke_type = "ASYNC"
      # The console of EventGrid makes this agency, when it is authorized for the first time.
      agency_name = "EG_TARGET_AGENCY"
    })
    transform = jsonencode({ type = "ORIGINAL", value = "" })
  }

  lifecycle {
    precondition {
      condition     = var.eventgrid_channel_id != ""
      error_message = "eventgrid_deletions needs eventgrid_channel_id."
    }
  }
}
