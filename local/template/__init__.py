"""The SAM template: read, transformed and resolved; `known` lists the resource types that the local stack knows."""

from local.template.reading import Template, read, transform

__all__ = ["Template", "read", "transform"]
