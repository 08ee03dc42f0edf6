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
    user_event    = var.sweep_rules
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
