"""A black-box suite that checks the protocol's promises on any deployment."""
