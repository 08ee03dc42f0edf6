"""A stack on Huawei Cloud FunctionGraph, deployed or local."""
