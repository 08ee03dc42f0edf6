"""CloudWatch as far as the template's alarms and dashboard need it, over what a run on this machine printed and did.

`metrics` keeps data points, `expressions` is metric math over them, `alarms` and `widgets` read what the template
defines, `collect` fills the metrics from a local stack, `workload` keeps that stack busy, `drawing` makes the picture.
"""
