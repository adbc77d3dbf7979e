"""placeholder until the real one is here"""
def decode(value, terms):
    return value.decode("latin-1")
