"""What `dicomveil demo` shows: sample Studies and the page that compares two worklists."""
