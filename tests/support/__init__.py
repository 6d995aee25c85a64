"""What tests of several folders share: parts of a site, a browser, clients, broken networks."""
