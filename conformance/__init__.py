"""A black-box suite of the protocol's promises, to be run against any deployment."""
