"""Every server of the tests is on loopback and none is vouched for by a public authority: trust no authority at all.

httpx reads the certificates of all of them for each request without a client, which takes longer than most answers.
"""

import os
from pathlib import Path

os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)  # no certificate lies here
