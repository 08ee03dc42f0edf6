"""The remove_tags function: removal requests in, reports, remainders and dead letters out."""

from untag.removal.service import Remover

__all__ = ["Remover"]
