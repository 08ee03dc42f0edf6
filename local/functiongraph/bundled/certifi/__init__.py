"""Stands for the runtime's certifi 2024.7.4. It has nothing but its version: who takes it by mistake fails at once."""

__version__ = "2024.07.04"
