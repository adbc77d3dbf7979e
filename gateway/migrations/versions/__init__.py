"""One module a revision, named as it is. What was released once is never edited."""
