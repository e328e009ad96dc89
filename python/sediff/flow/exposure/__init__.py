"""What is done for a whole exposure: its workers, tables, verification, star lists, page."""
