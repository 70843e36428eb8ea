"""Options of the program: what they are, what they accept, and how the command line sets them."""
