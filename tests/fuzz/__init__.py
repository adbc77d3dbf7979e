"""Fuzzing: valid input, damaged with knowledge of its structure, into everything that reads what others wrote.

``make fuzz`` runs it for long, ``tests/fuzz/test_fuzz.py`` for a moment. Only the errors of ``gateway.core.errors`` may
escape; what is accepted must be readable by others and hold no canary but in attributes that are kept on purpose.
"""
