"""One port filled per module: origin servers and the state store."""
