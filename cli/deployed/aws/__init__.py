"""A stack on AWS, deployed or local."""
