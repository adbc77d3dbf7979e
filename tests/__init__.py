"""Tests, by kind; see docs/ for what each kind proves."""
