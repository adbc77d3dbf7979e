"""Wire, Profile and Pseudonym put together: the rewriters."""
