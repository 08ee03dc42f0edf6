# The platform's own counts, each five minutes.
resource "huaweicloud_ces_alarmrule" "failures" {
  for_each = local.functions

  alarm_name           = "${var.name}-${each.key}-failures"
  alarm_description    = "Invocations of ${var.name}-${each.key} fail or are rejected"
  alarm_type           = "MULTI_INSTANCE"
  alarm_enabled        = true
  alarm_action_enabled = true

  metric {
    namespace = "SYS.FunctionGraph"
  }

  resources {
    dimensions {
      name  = "package-functionname"
      value = "default-${huaweicloud_fgs_function.all[each.key].name}"
    }
  }

  condition {
    metric_name         = "failcount"
    period              = 300
    filter              = "sum"
    comparison_operator = ">="
    value               = 3
    count               = 1
    suppress_duration   = 3600
    alarm_level         = 2
  }

  condition {
    metric_name         = "rejectcount"
    period              = 300
    filter              = "sum"
    comparison_operator = ">="
    value               = 10
    count               = 3
    suppress_duration   = 3600
    alarm_level         = 3
  }

  alarm_actions {
    type              = "notification"
    notification_list = [huaweicloud_smn_topic.alarms.topic_urn]
  }
}

# What the functions say themselves. The timer's function writes the first two each minute for as long as they hold.
locals {
  lines = {
    dead-letters  = { words = "dead letters are waiting", level = "MAJOR", lines = 1 }
    late-messages = { words = "the oldest message is late", level = "MAJOR", lines = 5 }
    accounts      = { words = "account closed", level = "CRITICAL", lines = 1 }
    errors        = { words = "internal error", level = "CRITICAL", lines = 1 }
    undelivered   = { words = "not delivered", level = "MAJOR", lines = 3 }
  }
}

resource "huaweicloud_lts_keywords_alarm_rule" "lines" {
  for_each = local.lines

  name               = "${var.name}-${each.key}"
  description        = "Lines of the functions' log that say: ${each.value.words}"
  alarm_level        = each.value.level
  send_notifications = var.alarm_user != ""

  # In minutes.
  notification_frequency = var.alarm_user == "" ? null : 60

  keywords_requests {
    keywords               = "\"${each.value.words}\""
    condition              = ">="
    number                 = each.value.lines
    log_group_id           = huaweicloud_lts_group.untag.id
    log_stream_id          = huaweicloud_lts_stream.functions.id
    search_time_range_unit = "minute"
    search_time_range      = 10
  }

  frequency {
    type            = "FIXED_RATE"
    fixed_rate_unit = "minute"
    fixed_rate      = 10
  }

  dynamic "notification_save_rule" {
    for_each = var.alarm_user == "" ? [] : [var.alarm_user]

    content {
      template_name = "keywords_template"
      user_name     = notification_save_rule.value
      language      = "en-us"

      topics {
        name      = huaweicloud_smn_topic.alarms.name
        topic_urn = huaweicloud_smn_topic.alarms.topic_urn
      }
    }
  }
}
