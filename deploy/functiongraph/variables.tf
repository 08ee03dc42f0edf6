variable "region" {
  description = "The region of everything here, such as cn-north-4. It has to offer Python 3.12 in FunctionGraph."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2,3}-[a-z]+-[0-9]+$", var.region))
    error_message = "A region looks like cn-north-4."
  }
}

variable "project_name" {
  description = "The project that the functions run in; the region's default project has the region's name."
  type        = string
  default     = ""
}

variable "name" {
  description = "What the name of everything begins with."
  type        = string
  default     = "untag"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}[a-z0-9]$", var.name))
    error_message = "A name has 3 to 22 small letters, digits and hyphens; it begins with a letter and does not end with a hyphen."
  }
}

variable "bucket" {
  description = "The bucket that is made for the queues and dead letters. Names are unique in all of OBS."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "A bucket has 3 to 63 small letters, digits and hyphens, and no dot: its name is part of a host's name under TLS."
  }
}

variable "bucket_kms_key_id" {
  description = "The KMS key that encrypts the bucket. Without one OBS encrypts with its own default key."
  type        = string
  default     = ""
}

variable "code" {
  description = "The zip that `make build-functiongraph` has built."
  type        = string
  default     = "build/untag.zip"
}

variable "secrets" {
  description = "The accounts' credentials by PROVIDER-ACCOUNT, as JSON texts; docs/functiongraph.md shows one. Keep a file that holds them to yourself."
  type        = map(string)
  default     = {}
  sensitive   = true

  validation {
    condition     = alltrue([for name in keys(var.secrets) : can(regex("^[a-z][a-z0-9_]*-[A-Za-z0-9_-]{1,40}$", name))])
    error_message = "A secret is named PROVIDER-ACCOUNT, such as jdcloud-default."
  }

  validation {
    condition     = alltrue([for text in values(var.secrets) : can(keys(jsondecode(text)))])
    error_message = "A secret is a JSON object."
  }
}

variable "domain_id" {
  description = "The id of the Huawei Cloud account that the functions run in. With it huaweicloud/default needs no secret: the agency's own keys are used."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[0-9a-zA-Z]{0,64}$", var.domain_id))
    error_message = "An account's id has letters and digits."
  }
}

variable "settings" {
  description = "Further settings, by the names that docs/configuration.md lists, such as { UNTAG_PROTECTED_KEYS = \"owner\" }. Values are texts."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^UNTAG_[A-Z_]+$", name))])
    error_message = "Every setting begins with UNTAG_."
  }
}

variable "concurrency" {
  description = "Instances that remove tags at the same time. An account's rate is divided by it."
  type        = number
  default     = 5

  validation {
    condition     = var.concurrency >= 1 && var.concurrency <= 100 && floor(var.concurrency) == var.concurrency
    error_message = "From 1 to 100: an account of FunctionGraph has 100 concurrent executions."
  }
}

variable "memory" {
  description = "Memory of a function in MB. A function with 512 MB has half a core."
  type        = number
  default     = 512

  validation {
    condition     = contains([256, 512, 768, 1024, 1280, 1536, 1792, 2048], var.memory)
    error_message = "One of 256, 512, 768, 1024, 1280, 1536, 1792 and 2048."
  }
}

variable "sweep_rules" {
  description = "A list of rules as JSON; or a sweep with `rules`, a list or obs://BUCKET/KEY. Without it no sweep runs by itself."
  type        = string
  default     = ""

  validation {
    condition     = var.sweep_rules == "" || can(jsondecode(var.sweep_rules).rules) || can(jsondecode(var.sweep_rules)[0].match)
    error_message = "A JSON list of rules, or a JSON object with rules."
  }
}

variable "sweep_schedule" {
  description = "When the sweep runs: six fields with seconds first, with a time zone in front."
  type        = string
  default     = "CRON_TZ=Asia/Shanghai 0 0 2 * * *"
}

variable "cts_operations" {
  description = "Deletions that CTS tells the decommission function of, as SERVICE:RESOURCE:OPERATION."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for one in var.cts_operations : can(regex("^[^:]+:[^:]+:[^:]+$", one))])
    error_message = "An operation is SERVICE:RESOURCE:OPERATION, such as ECS:ecs:deleteServer."
  }
}

variable "eventgrid_deletions" {
  description = "Deletions that EventGrid tells the decommission function of: operations by service, such as { ECS = [\"deleteServer\"] }. Needs eventgrid_channel_id. Use it or cts_operations, not both for the same service."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for service, operations in var.eventgrid_deletions : can(regex("^[A-Z][A-Z0-9]*$", service)) && length(operations) > 0])
    error_message = "A service is written in capital letters, such as ECS, and has at least one operation."
  }
}

variable "eventgrid_channel_id" {
  description = "The id of EventGrid's own channel (`default`), which has the events of cloud services. Its console shows it."
  type        = string
  default     = ""
}

variable "gateway" {
  description = "The instance and the group of API Gateway at which requests are taken over HTTPS, with IAM authentication. Without it there is no way in by HTTP."
  type        = object({ instance_id = string, group_id = string })
  default     = null
}

variable "tag_roles" {
  description = "Names of roles that let the agency change tags of this account, beside TMS's own permissions; such as \"ECS FullAccess\"."
  type        = list(string)
  default     = []
}

variable "alarm_email" {
  description = "Who is told of alarms. The address has to confirm it."
  type        = string
  default     = ""

  validation {
    condition     = var.alarm_email == "" || can(regex("^[^@ ]+@[^@ ]+$", var.alarm_email))
    error_message = "An address, or nothing."
  }
}

variable "alarm_user" {
  description = "The user whose name LTS's alarms bear. Without it they stand in LTS's console only."
  type        = string
  default     = ""
}

variable "log_days" {
  description = "Days for which log lines are kept."
  type        = number
  default     = 30

  validation {
    condition     = var.log_days >= 1 && var.log_days <= 365
    error_message = "From 1 to 365."
  }
}

variable "dead_letter_days" {
  description = "Days for which dead letters are kept."
  type        = number
  default     = 14

  validation {
    condition     = var.dead_letter_days >= 1 && var.dead_letter_days <= 365
    error_message = "From 1 to 365."
  }
}

variable "report_days" {
  description = "Days for which reports are kept in the bucket, beside being published. `untag status`, `untag undo` and `untag send --follow` need them. With 0 none is kept."
  type        = number
  default     = 30

  validation {
    condition     = var.report_days >= 0 && var.report_days <= 3650
    error_message = "From 0 to 3650."
  }
}

variable "tags" {
  description = "Tags of what is made here."
  type        = map(string)
  default     = {}
}
