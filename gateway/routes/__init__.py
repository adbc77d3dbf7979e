"""One module per service of PS3.18, and the administrative routes."""
