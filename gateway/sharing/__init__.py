"""What is shared with a patient: links that nobody guesses, that end, and that can be taken back."""
