"""Huawei Cloud FunctionGraph: every line that knows OBS, SMN, CSMS, URNs, or FunctionGraph's context and sizes."""

from untag.hosts.functiongraph.entry import Due, FunctionGraphFunction, Process

__all__ = ["Due", "FunctionGraphFunction", "Process"]
