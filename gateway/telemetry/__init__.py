"""What an operator sees of the gateway: metrics, traces, names of requests. No DICOM value, no UID, no path."""
