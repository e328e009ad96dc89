"""Parameters: declared once, read from rc files, the environment and the command line, checked, and traceable."""
