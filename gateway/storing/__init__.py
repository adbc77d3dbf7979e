"""Objects on their way to a destination: de-identified as they stream by, sent, and accounted for one by one."""
