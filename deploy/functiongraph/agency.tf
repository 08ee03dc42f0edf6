# One policy cannot hold actions of global services and of a project's, so there are two.
resource "huaweicloud_identity_role" "project" {
  name        = "${var.name}-project"
  description = "What the functions of untag call in their project"
  type        = "XA"
  policy = jsonencode({
    Version = "1.1"
    Statement = [
      { Effect = "Allow", Action = ["smn:topic:publish"] },
      { Effect = "Allow", Action = ["functiongraph:function:invokeAsync"] },
      { Effect = "Allow", Action = ["csms:secretVersion:get"] },
      # Secrets ask for the first; a bucket that is encrypted with a key of yours for all, to read and to write.
      {
        Effect = "Allow"
        Action = concat(
          ["kms:dek:decrypt"],
          var.bucket_kms_key_id == "" ? [] : ["kms:cmk:get", "kms:cmk:list", "kms:cmk:create", "kms:dek:create", "kms:dek:encrypt"],
        )
      },
      { Effect = "Allow", Action = ["lts:groups:get", "lts:topics:get"] },
    ]
  })
}

resource "huaweicloud_identity_role" "bucket" {
  name        = "${var.name}-bucket"
  description = "The bucket of untag's queues"
  type        = "AX"
  policy = jsonencode({
    Version = "1.1"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["obs:object:GetObject", "obs:object:PutObject", "obs:object:DeleteObject"]
        Resource = ["OBS:*:*:object:${var.bucket}/*"]
      },
      {
        Effect   = "Allow"
        Action   = ["obs:bucket:ListBucket"]
        Resource = ["OBS:*:*:bucket:${var.bucket}"]
      },
    ]
  })
}

# Only where the agency's own keys change tags.
resource "huaweicloud_identity_role" "tags" {
  count = var.domain_id == "" ? 0 : 1

  name        = "${var.name}-tags"
  description = "Reading and changing tags by TMS and Config"
  type        = "AX"
  policy = jsonencode({
    Version = "1.1"
    Statement = [
      { Effect = "Allow", Action = ["tms:resourceTags:delete", "tms:resourceTags:create", "tms:resourceTags:list"] },
      { Effect = "Allow", Action = ["rms::unTagResource", "rms::tagResource", "rms::listTagsForResource"] },
    ]
  })
}

resource "huaweicloud_identity_agency" "functions" {
  name                  = "${var.name}-functions"
  description           = "Lets FunctionGraph run untag"
  delegated_domain_name = "op_svc_cff"

  project_role {
    project = local.project
    roles   = concat([huaweicloud_identity_role.project.name], var.tag_roles)
  }

  domain_roles = concat(
    [huaweicloud_identity_role.bucket.name],
    huaweicloud_identity_role.tags[*].name,
  )
}
