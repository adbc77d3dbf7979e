"""What is put on record of who did what, and how records hold together."""
