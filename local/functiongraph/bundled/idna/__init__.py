"""Stands for the runtime's idna 2.10. It has nothing but its version: who takes it by mistake fails at once."""

__version__ = "2.10"
