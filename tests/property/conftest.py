"""How hard Hypothesis tries; ``HYPOTHESIS_PROFILE=thorough`` lets it try for minutes."""

import os

from hypothesis import HealthCheck, settings

# No deadline: a machine that does other things as well is no reason to fail.
_COMMON = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
settings.register_profile("brief", _COMMON, max_examples=50)
settings.register_profile("thorough", _COMMON, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "brief"))
