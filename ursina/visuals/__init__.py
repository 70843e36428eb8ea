"""What is drawn: scenes, heads-up display, window and captured pictures."""
