"""The parts of the embedded origin; ``gateway.adapters.origin_folder`` puts them together."""
