"""Free text without what identifies its subject: who the subject is, and the cleaning itself."""
