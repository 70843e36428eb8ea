"""What passes from a run to a picture: one header, then frames; commands go back. No learning, no drawing."""
