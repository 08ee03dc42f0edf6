output "bucket" {
  description = "The queues and the dead letters"
  value       = huaweicloud_obs_bucket.queues.bucket
}

output "reports_topic" {
  description = "Subscribe here to learn what became of every tag"
  value       = huaweicloud_smn_topic.reports.topic_urn
}

output "requests_topic" {
  description = "Publish removal requests here"
  value       = huaweicloud_smn_topic.requests.topic_urn
}

output "events_topic" {
  description = "Have Config notify here, or publish decommission events"
  value       = huaweicloud_smn_topic.events.topic_urn
}

output "alarms_topic" {
  description = "Every alarm"
  value       = huaweicloud_smn_topic.alarms.topic_urn
}

output "functions" {
  description = "The URN of each function"
  value       = { for name, function in huaweicloud_fgs_function.all : name => function.urn }
}

# The command untag reads these two as well: terraform output -json > outputs.json, then --functiongraph outputs.json.
output "keeps_reports" {
  description = "Whether reports are kept in the bucket"
  value       = lookup(local.settings, "UNTAG_KEEP_REPORTS", "off") == "on"
}

output "max_pairs" {
  description = "A request of more pairs is held back whole"
  value       = tonumber(lookup(local.settings, "UNTAG_MAX_PAIRS", "1000"))
}

output "gateway_url" {
  description = "Where requests are taken over HTTPS; empty without a gateway"
  value       = var.gateway == null ? "" : "https://${local.gateway_domain}${local.gateway_path}"
}
